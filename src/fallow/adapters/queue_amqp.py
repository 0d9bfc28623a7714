"""RabbitMQ as the queue: quorum queues, confirmed publishing, acknowledgement by hand, a queue of dead messages."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import aiormq
from aiormq import spec
from aiormq.exceptions import AMQPChannelError, DeliveryError, PublishError

from fallow import log
from fallow.adapters.amqp_depths import depths
from fallow.adapters.amqp_inbox import Inbox
from fallow.adapters.amqp_line import LOST, STEP_SECONDS, Line, Refused, outcome, parse, pauses
from fallow.adapters.amqp_topology import Names, Topology
from fallow.adapters.amqp_waiters import Taken
from fallow.errors import BadSetting, Unavailable
from fallow.ports import Message

PATIENCE = 30.0  # seconds that publishing and starting wait for a broker to come back
SHORT_PATIENCE = 1.0  # seconds to get over a lost connection, of who does not want to wait for a message
CONFIRM_SECONDS = 15.0  # until a message that is not confirmed is sent anew, unless the broker blocks

_ON_DISK = 2

_T = TypeVar("_T")


class AmqpQueue:
    """Two connections to a cluster: one to publish, which the broker may block, and one to take and acknowledge."""

    def __init__(self, url: str, names: Names | None = None, patience: float = PATIENCE) -> None:
        address, names = parse(url), names or Names()
        self._names = names
        self._out, self._in = Line(address, "out"), Line(address, "in")
        self._targets = Topology(self._out, names)
        self._inbox = Inbox(self._in, Topology(self._in, names))
        self._patience = patience
        self._channel: aiormq.Channel | None = None
        self._opening = asyncio.Lock()
        self._name = uuid.uuid4().hex[:8]
        self._tags = itertools.count(1)
        self._unacked: dict[str, Taken] = {}
        self._confirmed_at = 0.0
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> AmqpQueue:
        """A queue whose broker answers. Raises BadSetting, Unavailable."""
        queue = cls(url)
        try:
            await queue._persist(queue._enter, queue._patience)
        except BaseException:
            await queue.close()
            raise
        return queue

    async def publish(self, queue: str, body: bytes, delay: float = 0.0) -> None:
        self._check_open()
        await self._persist(lambda: self._send(queue, bytes(body), delay), self._patience)

    async def get(self, queues: Sequence[str], wait: float) -> Message | None:
        self._check_open()
        if (taken := self._inbox.stocked(queues)) is None:
            taken = await self._take(queues, wait)
        return None if taken is None else self._deliver(taken)

    async def ack(self, message: Message) -> None:
        if taken := self._unacked.pop(message.tag, None):
            await self._answer(taken.ack(), message)

    async def nack(self, message: Message) -> None:
        if taken := self._unacked.pop(message.tag, None):
            await self._answer(self._inbox.nack(taken), message)

    def holds(self, message: Message) -> bool:
        taken = self._unacked.get(message.tag)
        return taken is not None and taken.ours

    async def depths(self, queues: Sequence[str]) -> dict[str, int]:
        self._check_open()
        return await depths(self._in, self._names, queues)

    async def close(self) -> None:
        self._closed = True
        await self._inbox.close()
        await self._in.close()
        await self._out.close()
        self._unacked.clear()

    async def _enter(self) -> None:
        """Raises BadSetting, Unavailable."""
        try:
            await self._out.connect()
        except Refused as error:  # at the start it is a mistake; later it may pass
            raise BadSetting(str(error)) from None

    async def _persist(self, attempt: Callable[[], Awaitable[_T]], seconds: float) -> _T:
        """Try until it succeeds, for so long. Raises Unavailable, BadSetting."""
        end = time.monotonic() + seconds
        for pause in pauses():
            try:
                return await attempt()
            except (*LOST, Unavailable) as error:
                self._check_open()
                told = str(error) if isinstance(error, Unavailable) else self._out.told(error)
                if time.monotonic() + pause > end:
                    raise Unavailable(told) from None
                log.trouble("queue.lost", told)
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The queue is closed.")

    async def _answer(self, answering: Awaitable[object], message: Message) -> None:
        try:
            await answering
        except LOST as error:
            # The broker has given it to somebody else already, or will. Who does it again is told so by the ledger.
            log.trouble("queue.late", self._in.told(error), queue=message.queue)

    async def _take(self, queues: Sequence[str], wait: float) -> Taken | None:
        end = time.monotonic() + wait
        try:
            taken = await self._persist(
                lambda: self._inbox.ask(self._inbox.likely(queues) if wait > 0 else queues),
                max(wait, SHORT_PATIENCE),
            )
        except Unavailable:
            if self._closed:
                return None
            raise
        if taken is None and not self._closed and (left := end - time.monotonic()) > 0:
            taken = await self._inbox.wait(queues, left)
        return taken

    def _deliver(self, taken: Taken) -> Message:
        if self._closed:
            raise Unavailable("The queue was closed.")
        tag = f"{self._name}-{next(self._tags)}"
        self._unacked[tag] = taken
        return Message(taken.queue, taken.message.body, tag, taken.deliveries)

    async def _send(self, queue: str, body: bytes, delay: float) -> None:
        """Returns once a majority of the broker's nodes has the message."""
        target = await self._target(queue, delay)
        channel = await self._open()
        safe = spec.Basic.Properties(delivery_mode=_ON_DISK)
        publishing = channel.basic_publish(body, routing_key=target, properties=safe, mandatory=True, wait=False)
        sending = asyncio.ensure_future(publishing)
        try:
            await self._confirmed(sending)
        except PublishError:  # nobody took it: the queue was deleted behind our back
            self._targets.forget()
            raise
        except DeliveryError:
            await self._leave(channel)
            raise
        except AMQPChannelError as error:
            self._targets.refused(error)
            raise
        finally:
            sending.cancel()
        self._inbox.filled(queue)

    async def _target(self, queue: str, delay: float) -> str:
        if delay > 0:
            return await self._targets.ensure_delayed(queue, delay)
        return await self._targets.ensure(queue)

    async def _confirmed(self, sending: asyncio.Future[Any]) -> None:
        connection = self._out.connection
        while not (await asyncio.wait([sending], timeout=CONFIRM_SECONDS))[0]:
            if not await self._out.blocked():
                if time.monotonic() - self._confirmed_at > CONFIRM_SECONDS:  # not of this queue alone
                    await self._out.drop(connection)
                raise TimeoutError(f"not confirmed for {CONFIRM_SECONDS:g} s")
            log.trouble("queue.blocked", "RabbitMQ takes no messages for now; see to its memory and disk space.")
        self._confirmed_at = time.monotonic()
        outcome(sending)

    async def _open(self) -> aiormq.Channel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._out.sending_channel()
            return self._channel

    async def _leave(self, channel: aiormq.Channel) -> None:
        """RabbitMQ 3.10 refuses all that comes for a queue by a channel which met it first while it had no leader,
        and goes on when it has one. What else is under way by the channel is sent again."""
        if self._channel is channel:
            self._channel = None
        if not channel.is_closed:
            with contextlib.suppress(*LOST):
                await self._out.answer(channel.close(), STEP_SECONDS)
