"""Work that is the same for all who ask for it: one round at a time, shared by those who asked before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Rounds:
    """Rounds of one work for each key. Who asks while one is under way gets the next, which sees what they did."""

    def __init__(self) -> None:
        self._next: dict[str, asyncio.Task[None]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """All that are under way or will be."""
        return [*self._next.values(), *self._running.values()]

    async def share(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Returns when a round that began after this call has ended, or raises what it raised."""
        await asyncio.shield(self.begin(key, work))  # others may wait for it, too

    def begin(self, key: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """The same, for who does not wait for it."""
        coming = self._next.get(key)
        if coming is None:
            coming = asyncio.create_task(self._round(key, self._running.get(key), work))
            coming.add_done_callback(_seen)
            self._next[key] = coming
        return coming

    async def _round(
        self, key: str, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        me = self._running[key] = self._next.pop(key)
        try:
            await work()
        finally:
            if self._running.get(key) is me:
                del self._running[key]


def _seen(task: asyncio.Task[None]) -> None:
    """Nobody may be left who would hear of an error."""
    if not task.cancelled():
        task.exception()
