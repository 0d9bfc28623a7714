"""Questions to back ends for whoever watches: asked seldom, one at a time, and never waited for too long."""

from __future__ import annotations

import asyncio
import math
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
        self._known: T | None = None
        self._at = -math.inf  # when that was known
        self.trouble = ""  # why there is no answer, in a sentence

    async def answer(self) -> T | None:
        """None when there is none within WITHIN seconds; then `trouble` says why."""
        if time.monotonic() - self._at >= self._fresh:
            if self._asking is None:
                self._asking = asyncio.ensure_future(self._ask())
                self._asking.add_done_callback(self._note)
            if not (await asyncio.wait([self._asking], timeout=WITHIN))[0]:
                self.trouble = f"The {self._name} did not answer within {WITHIN:g} s."
        return None if self.trouble else self._known

    def _note(self, asked: asyncio.Future[T]) -> None:
        """The answer has come, whether or not anybody still waits for it."""
        self._asking = None
        if asked.cancelled():
            return
        try:
            self._known, self._at, self.trouble = asked.result(), time.monotonic(), ""
        except FallowError as error:
            self.trouble = str(error)
        except Exception as error:  # its text may hold anything, so only its kind is told
            self.trouble = f"The {self._name} cannot be used: {type(error).__name__}."
