"""Calls that come while others are under way are answered together: one transaction for many costs little more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from fallow import log

I = TypeVar("I")  # noqa: E741 - what is asked
R = TypeVar("R")

MOST = 64  # answered at once: a transaction stays short
GATHER = 0.004  # seconds in which a crowd gathers: far less than any task takes


class Together(Generic[I, R]):
    """A function of one item, made from one of many.

    One transaction is under way at a time, and whatever comes meanwhile makes up the next one. A single call is
    carried out at once; but after several that came together more are on their way, and a moment is waited for
    them. So the busier the ledger, the more calls share a transaction.
    """

    def __init__(self, answer: Callable[[Sequence[I]], Awaitable[Sequence[R | Exception]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[I, asyncio.Future[R]]] = []
        self._working: asyncio.Task[None] | None = None
        self._crowded = False  # the last time

    async def __call__(self, item: I) -> R:
        """The answer to this item, or the error that it was answered with."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._working is None:
            # Nobody who asks is its owner: it goes on when they have gone.
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                if self._crowded and len(self._waiting) < MOST:
                    await asyncio.sleep(GATHER)
                self._crowded = len(self._waiting) > 1
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._settle(batch)
        finally:
            self._working = None

    async def _settle(self, batch: list[tuple[I, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._answer([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                _tell(batch[0][1], error)
                return
            log.trouble("ledger.apart", f"{type(error).__name__}: {error}", calls=len(batch))
            for one in batch:  # one of them is to blame, and the others are not to suffer
                await self._settle([one])
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                _tell(future, answer)


def _tell(future: asyncio.Future[R], answer: R | Exception) -> None:
    if future.done():  # who asked has gone
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
