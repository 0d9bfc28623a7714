"""One queue of RabbitMQ: asked, or consumed from while somebody waits, and no faster than it is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakSet

from aiormq import spec
from aiormq.abc import AbstractChannel, ConsumerCallback, DeliveredMessage
from aiormq.exceptions import AMQPChannelError

from fallow import log
from fallow.adapters.amqp_line import LOST, Line, pauses
from fallow.adapters.amqp_topology import Topology
from fallow.adapters.amqp_waiters import Taken, Waiters
from fallow.errors import BadSetting, Unavailable

MOST = 32  # messages of a queue that come to this process before one is answered
KEEP_SECONDS = 0.2  # that a message or a consumer is kept when nobody waits: often somebody is just coming back
AT_ONCE = 4  # questions under way: a channel answers one after the other, and who waits in line is not unanswered
ANSWER_SECONDS = 5.0  # a queue that takes longer has lost its leader; others go on
_MUTE_SECONDS = 5.0  # until such a queue is asked again
_ROUND_SECONDS = 0.02
_OFTEN = 8  # times that a consumer has as many as it may
# Without a message; then another channel is used: nobody is told when a quorum queue is deleted and made again.
IDLE_SECONDS = 60.0

T = TypeVar("T")
_Some = TypeVar("_Some", bound=Taken)


@dataclass(eq=False)
class _Consumer:
    """The broker sends it no more than `limit` messages that are not answered."""

    limit: int
    tag: str = ""
    out: int = 0  # messages that are not answered
    full: int = 0  # how often it had as many as it may
    full_since: float = float("inf")
    wanted: float = field(default_factory=time.monotonic)  # when somebody last wanted its messages
    busy: float = field(default_factory=time.monotonic)  # when it last brought one
    fitting: float = field(default_factory=time.monotonic)  # when it last was no larger than what is wanted

    def brings(self) -> None:
        self.out += 1
        self.busy = time.monotonic()
        if self.out >= self.limit:
            self.full += 1
            self.full_since = self.busy

    def better(self, waiting: int, now: float) -> int:
        """The limit that it should have: another one when it holds up who waits, or is too large for long."""
        larger = max(1, min(MOST, 2 * self.limit, waiting))
        if now - self.full_since > _ROUND_SECONDS or (self.full >= _OFTEN and larger > self.limit):
            return larger
        return max(1, waiting) if now - self.fitting > 1.0 else 0


@dataclass(eq=False)
class _Brought(Taken):
    """A message that a consumer brought, and that counts against its limit until it is answered."""

    consumer: _Consumer
    since: float = field(default_factory=time.monotonic)

    def answered(self) -> None:
        self.consumer.out -= 1
        self.consumer.full_since = float("inf")


class Feed:
    """It has a channel of its own: what befalls one queue befalls no other's messages."""

    def __init__(self, queue: str, line: Line, topology: Topology, waiters: Waiters) -> None:
        self._queue, self._line, self._topology, self._waiters = queue, line, topology, waiters
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._getting = asyncio.Semaphore(AT_ONCE)
        self._limit = 0  # of the consumers that are made next
        self._consumer: _Consumer | None = None
        self._stock: deque[_Brought] = deque()  # what came for nobody
        self._held: WeakSet[Taken] = WeakSet()  # what was handed out, until it is answered and forgotten
        self._changed = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None
        self._mute_until = 0.0

    @property
    def mute(self) -> bool:
        """It did not answer of late."""
        return time.monotonic() < self._mute_until

    @property
    def consumed(self) -> bool:
        """Whether what comes to the queue comes here by itself."""
        return self._consumer is not None and self._channel is not None and not self._channel.is_closed

    def stocked(self) -> Taken | None:
        """A message that lies here for whoever asks first."""
        while self._stock:
            taken = self._stock.popleft()
            taken.consumer.wanted = time.monotonic()
            if taken.ours:
                return taken
        return None

    async def get(self) -> Taken | None:
        """A message that is ready. Raises one of LOST, BadSetting."""
        async with self._getting:
            name = await self._topology.ensure(self._queue)
            channel = await self._open()
            try:
                message = await self._ask(channel.basic_get(name))
            except AMQPChannelError as error:
                self._topology.refused(error)
                raise
        return self._hold(Taken(self._queue, message)) if isinstance(message.delivery, spec.Basic.GetOk) else None

    def tend(self) -> None:
        """Somebody waits."""
        self._changed.set()
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())

    async def close(self) -> None:
        if self._tending:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)

    async def _tend(self) -> None:
        """Rounds while somebody waits or something is here, whatever becomes of the connection."""
        waits = pauses()
        while self._waiters.count(self._queue) or self._consumer or self._stock:
            self._changed.clear()
            try:
                await self._round(time.monotonic())
            except (*LOST, Unavailable, BadSetting) as error:
                self._give_up(error)
                await asyncio.sleep(next(waits))
                continue
            waits = pauses()
            await asyncio.sleep(_ROUND_SECONDS)
            if not self._unsettled():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), IDLE_SECONDS)

    def _unsettled(self) -> bool:
        """Whether the time that passes asks for another round."""
        waiting, consumer = self._waiters.count(self._queue), self._consumer
        return bool(self._stock) or (
            consumer is not None and (consumer.limit > waiting or consumer.out >= consumer.limit)
        )

    async def _round(self, now: float) -> None:
        waiting = self._waiters.count(self._queue)
        if not self.consumed:
            self._consumer = None
        if consumer := self._consumer:
            consumer.wanted = now if waiting else consumer.wanted
            consumer.fitting = now if consumer.limit <= max(1, waiting) else consumer.fitting
            limit = consumer.better(waiting, now) if waiting else 0
            if now - consumer.busy > IDLE_SECONDS and not self._held:
                await self._leave()
            elif limit or self._stale(now) or now - consumer.wanted > KEEP_SECONDS:
                await self._end(consumer)
            if limit:
                await self._begin(limit)
        elif waiting:
            await self._begin(min(MOST, max(1, waiting // len(self._waiters.wanted()))))
        if self._consumer is None:
            await self._return_stock()

    def _stale(self, now: float) -> bool:
        return bool(self._stock) and now - self._stock[0].since > KEEP_SECONDS

    async def _begin(self, limit: int) -> None:
        name = await self._topology.ensure(self._queue)
        channel = await self._open()
        if limit != self._limit:
            await self._ask(channel.basic_qos(prefetch_count=limit))
            self._limit = limit
        consumer = _Consumer(limit)
        made = await self._ask(channel.basic_consume(name, self._receiver(consumer)))
        consumer.tag = str(made.consumer_tag)
        self._consumer = consumer

    async def _leave(self) -> None:
        """What the channel knows of the queue may be out of date."""
        self._consumer = None
        channel, self._channel = self._channel, None
        self._changed.set()
        if channel:
            await self._ask(channel.close())

    def _hold(self, taken: _Some) -> _Some:
        self._held.add(taken)
        return taken

    async def _end(self, consumer: _Consumer) -> None:
        self._consumer = None
        if self._channel:
            await self._ask(self._channel.basic_cancel(consumer.tag))

    async def _return_stock(self) -> None:
        """Only when nothing is consumed: else it would come back at once."""
        while self._stock:
            taken = self._stock.popleft()
            if taken.ours and not self._waiters.hand_over(taken):
                await taken.give_back()

    def _receiver(self, consumer: _Consumer) -> ConsumerCallback:
        async def receive(message: DeliveredMessage) -> None:
            consumer.brings()
            taken = self._hold(_Brought(self._queue, message, consumer))
            if not self._waiters.hand_over(taken):
                self._stock.append(taken)
            self.tend()

        return receive

    async def _ask(self, question: Awaitable[T]) -> T:
        """The broker's answer about this queue. Raises one of LOST."""
        try:
            answer = await self._line.answer(question, ANSWER_SECONDS)
        except TimeoutError:
            self._mute_until = time.monotonic() + _MUTE_SECONDS
            self._channel = None  # it is closed as soon as the broker answers again
            log.trouble("queue.mute", "RabbitMQ says nothing; has the queue lost its leader?", queue=self._queue)
            await self._line.unanswered(self._queue)
            raise
        self._line.answered()
        return answer

    async def _open(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                channel = self._channel = await self._line.taking_channel()
                self._limit = 0
                channel.closing.add_done_callback(lambda _: self._changed.set())
                channel.on_consumer_cancel_callbacks.add(self._ended_by_broker)
            return self._channel

    def _give_up(self, error: Exception) -> None:
        """What is consumed is unknown now; a channel that failed is closed, and another opened."""
        self._consumer = None
        if isinstance(error, BadSetting):
            log.trouble("queue.refused", str(error), queue=self._queue)
        elif isinstance(error, AMQPChannelError):
            log.trouble("queue.lost", self._line.told(error), queue=self._queue)
            with contextlib.suppress(BadSetting):
                self._topology.refused(error)

    def _ended_by_broker(self, frame: spec.Basic.Cancel) -> None:
        """Somebody deleted the queue, most likely. It is made again, as long as it is wanted."""
        self._topology.forget()
        if self._consumer and self._consumer.tag == frame.consumer_tag:
            self._consumer = None
        self._changed.set()
