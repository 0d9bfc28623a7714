"""The embedded queue: a broker in this process that redelivers and dead-letters like a real one."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from fallow.errors import Unavailable
from fallow.ports import DEAD, Message

DELIVERY_LIMIT = 20  # what RabbitMQ's quorum queues take by default


@dataclass
class _Entry:
    """A message in the broker, and how often it was handed out."""

    queue: str
    body: bytes
    deliveries: int = 0


@dataclass(eq=False)
class _Waiter:
    """A `get` that found nothing and waits for any of its queues."""

    queues: frozenset[str]
    entry: asyncio.Future[_Entry | None]


@dataclass
class Broker:
    """The queues themselves; every `MemoryQueue` on one broker is one connection to it."""

    delivery_limit: int = DELIVERY_LIMIT
    ready: dict[str, deque[_Entry]] = field(default_factory=dict)
    waiters: dict[_Waiter, None] = field(default_factory=dict)  # in the order in which they came

    def offer(self, entry: _Entry) -> None:
        """Hand a new message to who has waited longest, or keep it in order."""
        if not self._hand_over(entry):
            self.ready.setdefault(entry.queue, deque()).append(entry)

    def put_back(self, entry: _Entry) -> None:
        """A message that was handed out goes first again, or to the dead ones when that was once too often."""
        if entry.deliveries >= self.delivery_limit and entry.queue != DEAD:
            self.offer(_Entry(DEAD, entry.body))
        elif not self._hand_over(entry):
            self.ready.setdefault(entry.queue, deque()).appendleft(entry)

    def take(self, queues: Sequence[str]) -> _Entry | None:
        for queue in queues:
            if entries := self.ready.get(queue):
                return entries.popleft()
        return None

    def _hand_over(self, entry: _Entry) -> bool:
        for waiter in self.waiters:
            if entry.queue in waiter.queues and not waiter.entry.done():
                waiter.entry.set_result(entry)
                del self.waiters[waiter]
                return True
        return False


class MemoryQueue:
    """One connection to a broker; what it has not acknowledged goes back when it closes."""

    def __init__(self, broker: Broker | None = None) -> None:
        self._broker = broker or Broker()
        self._name = uuid.uuid4().hex[:8]
        self._tags = itertools.count(1)
        self._unacked: dict[str, _Entry] = {}
        self._delayed: dict[int, tuple[asyncio.TimerHandle, _Entry]] = {}
        self._waiters: set[_Waiter] = set()
        self._closed = False

    async def publish(self, queue: str, body: bytes, delay: float = 0.0) -> None:
        self._check_open()
        entry = _Entry(queue, bytes(body))
        if delay <= 0:
            self._broker.offer(entry)
            return
        number = next(self._tags)
        timer = asyncio.get_running_loop().call_later(delay, self._ripen, number)
        self._delayed[number] = (timer, entry)

    async def get(self, queues: Sequence[str], wait: float) -> Message | None:
        self._check_open()
        entry = self._broker.take(queues)
        if entry is None and wait > 0:
            entry = await self._wait_for_entry(queues, wait)
        return None if entry is None else self._deliver(entry)

    async def ack(self, message: Message) -> None:
        self._unacked.pop(message.tag, None)

    async def nack(self, message: Message) -> None:
        if entry := self._unacked.pop(message.tag, None):
            self._broker.put_back(entry)

    def holds(self, message: Message) -> bool:
        return message.tag in self._unacked

    async def depths(self, queues: Sequence[str]) -> dict[str, int]:
        self._check_open()
        return {queue: len(self._broker.ready.get(queue, ())) for queue in queues}

    async def close(self) -> None:
        self._closed = True
        for waiter in list(self._waiters):
            if not waiter.entry.done():
                waiter.entry.set_result(None)
        # Delayed messages are the broker's, as they would be in a real one: due at once rather than lost.
        for timer, entry in self._delayed.values():
            timer.cancel()
            self._broker.offer(entry)
        self._delayed.clear()
        for entry in reversed(list(self._unacked.values())):
            self._broker.put_back(entry)
        self._unacked.clear()

    async def _wait_for_entry(self, queues: Sequence[str], wait: float) -> _Entry | None:
        waiter = _Waiter(frozenset(queues), asyncio.get_running_loop().create_future())
        self._broker.waiters[waiter] = None
        self._waiters.add(waiter)
        try:
            await asyncio.wait([waiter.entry], timeout=wait)
            return waiter.entry.result() if waiter.entry.done() else None
        except asyncio.CancelledError:
            # Who gave up waiting must not take the message along that had just been handed over.
            if waiter.entry.done() and (entry := waiter.entry.result()):
                self._broker.put_back(entry)
            raise
        finally:
            self._waiters.discard(waiter)
            self._broker.waiters.pop(waiter, None)

    def _deliver(self, entry: _Entry) -> Message:
        if self._closed:  # closed between hand-over and wake-up
            self._broker.put_back(entry)
            raise Unavailable("The queue was closed.")
        entry.deliveries += 1
        tag = f"{self._name}-{next(self._tags)}"
        self._unacked[tag] = entry
        return Message(entry.queue, entry.body, tag, entry.deliveries)

    def _ripen(self, number: int) -> None:
        _, entry = self._delayed.pop(number)
        self._broker.offer(entry)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The queue is closed.")
