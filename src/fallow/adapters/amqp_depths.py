"""How many messages wait in RabbitMQ's queues."""

from __future__ import annotations

from collections.abc import Iterable

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity

from fallow.adapters.amqp_line import LOST, STEP_SECONDS, Line
from fallow.adapters.amqp_topology import Names
from fallow.errors import Unavailable


async def depths(line: Line, names: Names, queues: Iterable[str]) -> dict[str, int]:
    """Of each queue, without making one that is not there. Raises Unavailable."""
    found: dict[str, int] = {}
    channel = None
    try:
        for queue in queues:
            if channel is None or channel.is_closed:
                channel = await line.channel()
            found[queue] = await _depth(channel, names.of(queue))
    except LOST as error:
        raise Unavailable(f"RabbitMQ does not say how many messages wait: {line.told(error)}.") from None
    finally:
        if channel is not None and not channel.is_closed:
            await channel.close()
    return found


async def _depth(channel: AbstractChannel, name: str) -> int:
    try:
        queue = await channel.declare_queue(name, passive=True, timeout=STEP_SECONDS)
    except ChannelNotFoundEntity:  # which closes the channel
        return 0
    return queue.declaration_result.message_count or 0
