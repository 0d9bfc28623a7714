"""Who waits for messages from RabbitMQ, and what was taken for them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiormq.abc import DeliveredMessage

from fallow.adapters.amqp_line import STEP_SECONDS


@dataclass(eq=False)
class Taken:
    """A message that was handed out and not acknowledged yet."""

    queue: str
    message: DeliveredMessage

    @property
    def ours(self) -> bool:
        """Whether the broker still takes an answer to it: only by the channel that it came by."""
        channel = self.message.channel
        return not channel.is_closed and not channel.connection.is_closed

    @property
    def deliveries(self) -> int:
        returned = (self.message.header.properties.headers or {}).get("x-delivery-count", 0)
        counted = returned if isinstance(returned, int) else 0
        # RabbitMQ 4 counts only what a consumer gave back, not what one died with; its flag tells of both.
        return 1 + max(counted, 1 if self.message.redelivered else 0)

    async def ack(self) -> None:
        """Raises one of LOST."""
        async with asyncio.timeout(STEP_SECONDS):
            await self.message.channel.basic_ack(self.message.delivery_tag or 0, wait=False)
        self.answered()

    async def give_back(self) -> None:
        """Raises one of LOST."""
        async with asyncio.timeout(STEP_SECONDS):
            await self.message.channel.basic_nack(self.message.delivery_tag or 0, requeue=True, wait=False)
        self.answered()

    def answered(self) -> None:
        """The broker knows what became of it."""


@dataclass(eq=False)
class _Waiter:
    """Somebody who found nothing and waits for any of some queues."""

    number: int
    taken: asyncio.Future[Taken | None]


@dataclass
class Waiters:
    """Grouped by the queues that they wait for: nothing here takes longer the more of them there are."""

    _groups: dict[tuple[str, ...], dict[_Waiter, None]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def joined(self, queues: Sequence[str], seconds: float) -> Iterator[asyncio.Future[Taken | None]]:
        """To wait for the next message of any of the queues; None comes after so long."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(next(self._numbers), loop.create_future())
        timer = loop.call_later(seconds, _settle, waiter.taken)
        key = tuple(queues)
        self._groups.setdefault(key, {})[waiter] = None
        try:
            yield waiter.taken
        finally:
            timer.cancel()
            self._leave(key, waiter)

    def hand_over(self, taken: Taken) -> bool:
        """Give it to who has waited longest; False when nobody does."""
        found = [(next(iter(group)), key) for key, group in self._groups.items() if taken.queue in key]
        if not found:
            return False
        waiter, key = min(found, key=lambda one: one[0].number)
        self._leave(key, waiter)
        if waiter.taken.done():  # it has just given up
            return self.hand_over(taken)
        waiter.taken.set_result(taken)
        return True

    def count(self, queue: str) -> int:
        return sum(len(group) for key, group in self._groups.items() if queue in key)

    def wanted(self) -> set[str]:
        """Every queue that somebody waits for."""
        return {queue for key in self._groups for queue in key}

    def dismiss(self) -> None:
        """Nobody gets anything any more."""
        for group in self._groups.values():
            for waiter in group:
                _settle(waiter.taken)

    def _leave(self, key: tuple[str, ...], waiter: _Waiter) -> None:
        if group := self._groups.get(key):
            group.pop(waiter, None)
            if not group:
                del self._groups[key]


def _settle(taken: asyncio.Future[Taken | None]) -> None:
    if not taken.done():
        taken.set_result(None)
