"""Signals while `encode` runs: the first lets running chunks finish, the second stops at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from fallow.commands.progress import Display
from fallow.services.run import Platform

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FIRST = "Letting the running chunks finish; press Ctrl-C again to stop at once."


class Interrupts:
    """In force from `with` until its end, without a gap in which a signal could break the tidying up."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[Any] | None = None
        self._platform: Platform | None = None
        self._stopping: list[asyncio.Task[None]] = []
        self._stopped: asyncio.Event | None = None
        self._tidying = False

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._signalled) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def begin(self) -> asyncio.Event:
        """The event loop runs, though there is nothing yet to finish; what is returned is set when all is still."""
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._stopped = asyncio.Event()
        return self._stopped

    def watch(self, platform: Platform) -> None:
        """From now on this platform is told."""
        self._platform = platform

    def tidy(self) -> None:
        """From now on there is nothing left to stop."""
        self._tidying = True

    def _signalled(self, *_: object) -> None:
        if self._tidying:
            return
        if self._loop is None:
            raise KeyboardInterrupt
        # Also wakes the loop, which may be waiting.
        self._loop.call_soon_threadsafe(self._heard)

    def _heard(self) -> None:
        if self._tidying or (self._stopped and self._stopped.is_set()):
            return
        if self._platform is None:
            if self._main:
                self._main.cancel()
        elif not self._stopping:
            self._stop(_FIRST, self._platform.drain)
        elif len(self._stopping) == 1:
            self._stop("Stopping.", self._platform.abort)

    def _stop(self, sentence: str, how: Callable[[], Awaitable[None]]) -> None:
        self._display.say(sentence)
        self._stopping.append(asyncio.create_task(self._stop_by(how)))

    async def _stop_by(self, how: Callable[[], Awaitable[None]]) -> None:
        try:
            await how()
        finally:
            if self._stopped:
                self._stopped.set()
