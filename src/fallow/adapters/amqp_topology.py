"""The queues that there are in RabbitMQ: replicated, durable, and with a place for what fails too often."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from typing import Any

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import (
    AMQPChannelError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from fallow.adapters.amqp_line import Line
from fallow.errors import BadSetting
from fallow.ports import DEAD

DELIVERY_LIMIT = 20
# RabbitMQ 4 drops what was delivered 20 times, unless told otherwise; 3.10 knows no word for "never".
_NEVER = 1_000_000_000
_SPARE = 60_000  # ms that an unused queue of delayed messages is kept for longer than its messages


@dataclass(frozen=True)
class Names:
    """How queues are called at the broker, and after how many deliveries a message is dead."""

    prefix: str = "fallow."
    delivery_limit: int = DELIVERY_LIMIT

    def of(self, queue: str) -> str:
        return self.prefix + queue

    def arguments(self, queue: str) -> dict[str, Any]:
        """What the broker is told of a queue. Must not change from one version to the next."""
        if queue == DEAD:
            return {"x-queue-type": "quorum", "x-delivery-limit": _NEVER}
        # The broker's limit is of those after the first.
        return {**_forwarding(self.of(DEAD)), "x-delivery-limit": self.delivery_limit - 1}

    def delayed(self, queue: str, seconds: float) -> tuple[str, dict[str, Any]]:
        """The queue in which messages for another one ripen: all for equally long, so none holds up another."""
        wait = _rounded_up(math.ceil(seconds * 1000))
        arguments = {**_forwarding(self.of(queue)), "x-message-ttl": wait, "x-expires": 2 * wait + _SPARE}
        return f"{self.prefix}delay.{wait}.{queue}", arguments


class Topology:
    """Declares queues that are new to this connection; to declare again what is there changes nothing."""

    def __init__(self, line: Line, names: Names) -> None:
        self._line, self._names = line, names
        self._connection: AbstractConnection | None = None
        self._known: set[str] = set()
        self._turn = asyncio.Lock()

    async def ensure(self, queue: str) -> str:
        """The broker's name of a queue that is there. Raises BadSetting, or one of LOST."""
        name = self._names.of(queue)
        if name in self._known and self._line.connection is self._connection:
            return name
        async with self._turn:
            connection = await self._line.connect()
            if connection is not self._connection:
                self._connection = connection
                self._known.clear()
            for each in (DEAD, queue):  # a message that is dead must find its queue
                if (known := self._names.of(each)) not in self._known:
                    await self._declare(known, self._names.arguments(each))
                    self._known.add(known)
        return name

    async def ensure_delayed(self, queue: str, seconds: float) -> str:
        """The queue for messages that are to come later. It is asked for each time, for else it expires."""
        await self.ensure(queue)
        name, arguments = self._names.delayed(queue, seconds)
        await self._declare(name, arguments)
        return name

    def forget(self) -> None:
        """Somebody deleted queues: declare all anew."""
        self._known.clear()

    def refused(self, error: AMQPChannelError) -> None:
        """What to make of a broker's no. Raises BadSetting where it is a matter of permission."""
        if isinstance(error, ChannelNotFoundEntity):
            self.forget()
        if isinstance(error, ChannelAccessRefused):
            raise BadSetting(
                "RabbitMQ does not let Fallow do what it must; allow its user to configure, write and read"
                f" {re.escape(self._names.prefix)}.*, and to write to amq\\.default."
                f" It says: {self._line.told(error)}"
            ) from None

    async def _declare(self, name: str, arguments: dict[str, Any]) -> None:
        channel = await self._line.channel()  # a refusal closes the channel
        try:
            await self._line.ask(channel.declare_queue(name, durable=True, arguments=arguments))
        except ChannelPreconditionFailed as error:
            raise BadSetting(
                f"RabbitMQ has a queue {name} of another kind; delete it, or name another virtual host"
                f" in FALLOW_QUEUE_URL. It says: {self._line.told(error)}"
            ) from None
        except AMQPChannelError as error:
            self.refused(error)
            raise
        finally:
            if not channel.is_closed:
                await self._line.ask(channel.close())


def _forwarding(target: str) -> dict[str, Any]:
    """A replicated queue whose refused or ripe messages leave it only once they are safe in another one."""
    return {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
    }


def _rounded_up(milliseconds: int) -> int:
    """To two digits, so that there are few queues of delayed messages."""
    step: int = 10 ** max(0, len(str(milliseconds)) - 2)
    return max(1, -(-milliseconds // step) * step)
