"""Something that takes a while to find out, and need not be new: asked for seldom, by one for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

OLD = 1.0  # seconds after which it is found out anew,
SELDOM = 50  # or so many times as long as that takes


class Lately(Generic[T]):
    """What it was a moment ago."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._known: T | None = None
        self._until = 0.0

    async def get(self, find_out: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            began = time.monotonic()
            if self._known is None or began >= self._until:
                self._known = await find_out()
                now = time.monotonic()
                self._until = now + max(OLD, SELDOM * (now - began))
            return self._known
