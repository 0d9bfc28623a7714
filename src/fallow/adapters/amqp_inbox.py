"""Taking messages from RabbitMQ: at once where one is ready, else by consuming while somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import ChannelInvalidStateError

from fallow import log
from fallow.adapters.amqp_line import LOST, STEP_SECONDS, Line, pauses
from fallow.adapters.amqp_topology import Topology
from fallow.errors import BadSetting, Unavailable


@dataclass(frozen=True)
class Taken:
    """A message that was handed out and not acknowledged yet."""

    queue: str
    incoming: AbstractIncomingMessage

    @property
    def ours(self) -> bool:
        """Whether the broker still takes an answer to it: only by the channel that it came by."""
        try:
            return not self.incoming.channel.connection.is_closed
        except ChannelInvalidStateError:
            return False


@dataclass(eq=False)
class _Waiter:
    """Somebody who found nothing and waits for any of these queues."""

    queues: frozenset[str]
    taken: asyncio.Future[Taken | None]

    def wants(self, queue: str) -> bool:
        return queue in self.queues and not self.taken.done()


@dataclass
class _Consuming:
    """What this process consumes on one channel. One message at a time and queue, so that none lies about here."""

    channel: AbstractChannel
    tags: dict[str, str] = field(default_factory=dict)  # the consumer of each queue
    spent: set[str] = field(default_factory=set)  # queues whose consumer has had its one message
    surplus: list[Taken] = field(default_factory=list)


class Inbox:
    """The receiving half of a connection to the broker."""

    def __init__(self, line: Line, topology: Topology) -> None:
        self._line, self._topology = line, topology
        self._consuming: _Consuming | None = None
        self._opening = asyncio.Lock()
        self._waiters: list[_Waiter] = []
        self._changed = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, queues: Sequence[str]) -> Taken | None:
        """A message that is ready, of the first queue that has one. Raises one of LOST."""
        for name in queues:
            at_broker = await self._topology.ensure(name)
            consuming = await self._open()
            queue = await consuming.channel.get_queue(at_broker, ensure=False)
            try:
                incoming = await queue.get(no_ack=False, fail=False, timeout=STEP_SECONDS)
            except TimeoutError:
                await self._line.drop()
                raise
            if incoming:
                return Taken(name, incoming)
        return None

    def unwatched(self, queues: Sequence[str]) -> list[str]:
        """Those that are not consumed from; the others are empty, and whoever wants them waits with others."""
        consuming = self._consuming
        if consuming is None or consuming.channel.is_closed:
            return list(queues)
        return [name for name in queues if name not in consuming.tags or name in consuming.spent]

    async def wait(self, queues: Sequence[str], seconds: float) -> Taken | None:
        """The next message of any of the queues; None after so long, or when the inbox is closed."""
        waiter = _Waiter(frozenset(queues), asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._tend()
        try:
            await asyncio.wait([waiter.taken], timeout=seconds)
            return waiter.taken.result() if waiter.taken.done() else None
        except asyncio.CancelledError:
            # Who gave up waiting must not take the message along that had just been handed over.
            if waiter.taken.done() and (taken := waiter.taken.result()):
                self.put_back(taken)
            raise
        finally:
            waiter.taken.cancel()
            self._waiters.remove(waiter)
            self._changed.set()

    def put_back(self, taken: Taken) -> None:
        """Give a message to another who waits, or to the broker."""
        if not self._hand_over(taken) and self._consuming:
            self._consuming.surplus.append(taken)
            self._tend()

    async def close(self) -> None:
        self._closed = True
        for waiter in self._waiters:
            if not waiter.taken.done():
                waiter.taken.set_result(None)
        if self._tending:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)

    def _tend(self) -> None:
        self._changed.set()
        if not self._closed and (self._tending is None or self._tending.done()):
            self._tending = asyncio.create_task(self._tend_consumers())

    async def _tend_consumers(self) -> None:
        """Keep up the consumers that are wanted, whatever becomes of the connection, until nobody waits."""
        waits = pauses()
        while self._waiters or self._holds_something():
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._reconcile()
                waits = pauses()
            except (*LOST, Unavailable, BadSetting) as error:
                log.trouble("queue.lost", self._line.told(error))
                if isinstance(error, TimeoutError):  # a consumer may be there that nobody knows of
                    await self._line.drop()
                await asyncio.sleep(next(waits))
                self._changed.set()

    def _holds_something(self) -> bool:
        """Whether the broker believes that this process wants, or has, messages."""
        consuming = self._consuming
        return bool(consuming and not consuming.channel.is_closed and (consuming.tags or consuming.surplus))

    async def _reconcile(self) -> None:
        """Consume from what is waited for and from nothing else; what nobody waits for any more goes back."""
        consuming = await self._open()
        for name in [name for name in consuming.tags if name in consuming.spent or not self._wanted(name)]:
            queue = await consuming.channel.get_queue(await self._topology.ensure(name), ensure=False)
            tag = consuming.tags.pop(name)
            consuming.spent.discard(name)
            await queue.cancel(tag, timeout=STEP_SECONDS)
        # Only now: a consumer that is still there would get back what it returns.
        while consuming.surplus:
            taken = consuming.surplus.pop()
            if not self._hand_over(taken):
                await taken.incoming.nack(requeue=True)
        for name in sorted({name for waiter in self._waiters for name in waiter.queues} - consuming.tags.keys()):
            if self._wanted(name):
                queue = await consuming.channel.get_queue(await self._topology.ensure(name), ensure=False)
                consuming.tags[name] = await queue.consume(self._receiver(consuming, name), timeout=STEP_SECONDS)

    def _receiver(self, consuming: _Consuming, name: str) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
        async def receive(incoming: AbstractIncomingMessage) -> None:
            taken = Taken(name, incoming)
            consuming.spent.add(name)
            if not self._hand_over(taken):
                consuming.surplus.append(taken)
            self._tend()

        return receive

    def _hand_over(self, taken: Taken) -> bool:
        for waiter in self._waiters:
            if waiter.wants(taken.queue):
                waiter.taken.set_result(taken)
                return True
        return False

    def _wanted(self, name: str) -> bool:
        return any(waiter.wants(name) for waiter in self._waiters)

    async def _open(self) -> _Consuming:
        async with self._opening:
            if self._consuming is None or self._consuming.channel.is_closed:
                self._consuming = None
                channel = await self._line.channel()
                channel.close_callbacks.add(self._on_close)
                await channel.set_qos(prefetch_count=1, timeout=STEP_SECONDS)
                self._consuming = _Consuming(channel)
            return self._consuming

    def _on_close(self, *_: object) -> None:
        """What was not acknowledged goes to others by itself; whoever waits here needs new consumers."""
        self._changed.set()
