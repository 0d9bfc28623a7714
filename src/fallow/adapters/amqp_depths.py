"""How many messages wait in RabbitMQ's queues."""

from __future__ import annotations

from collections.abc import Iterable

from fallow.adapters.amqp_line import LOST, STEP_SECONDS, Line
from fallow.adapters.amqp_topology import Names
from fallow.errors import Unavailable


async def depths(line: Line, names: Names, queues: Iterable[str]) -> dict[str, int]:
    """Of each queue. One that is not there is made: to ask for it in vain costs a channel, and a line in the
    broker's log, every time. Raises Unavailable."""
    found: dict[str, int] = {}
    channel = None
    try:
        channel = await line.channel()
        for queue in queues:
            declaring = channel.declare_queue(names.of(queue), durable=True, arguments=names.arguments(queue))
            # Not answered, it costs the channel only: what is held on the connection is worth more than a number.
            declared = await line.answer(declaring, STEP_SECONDS)
            found[queue] = declared.declaration_result.message_count or 0
    except LOST as error:
        raise Unavailable(f"RabbitMQ does not say how many messages wait: {line.told(error)}.") from None
    finally:
        if channel is not None and not channel.is_closed:
            await channel.close()
    return found
