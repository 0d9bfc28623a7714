"""Questions to back ends for whoever watches: asked seldom, one at a time, and never waited for too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fallow.errors import FallowError

T = TypeVar("T")
WITHIN = 2.0  # seconds


class Question(Generic[T]):
    """However often it is put: an answer is good for a while, and a back end that hangs is asked no second time."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[T]], fresh: float) -> None:
        self._name, self._ask, self._fresh = name, ask, fresh
        self._asking: asyncio.Future[T] | None = None
        self._known: tuple[float, T] | None = None
        self.trouble = ""  # why there is no answer, in a sentence

    async def answer(self) -> T | None:
        """None when there is none within WITHIN seconds; then `trouble` says why."""
        if self._known and time.monotonic() - self._known[0] < self._fresh:
            return self._known[1]
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        asking = self._asking
        if not (await asyncio.wait([asking], timeout=WITHIN))[0]:
            self.trouble = f"The {self._name} did not answer within {WITHIN:g} s."
            return None
        if self._asking is asking:
            self._asking = None
        return self._told(asking)

    def _told(self, asked: asyncio.Future[T]) -> T | None:
        try:
            self._known = (time.monotonic(), asked.result())
        except FallowError as error:
            self.trouble = str(error)
        except Exception as error:  # its text may hold anything, so only its kind is told
            self.trouble = f"The {self._name} cannot be used: {type(error).__name__}."
        else:
            self.trouble = ""
            return self._known[1]
        return None
