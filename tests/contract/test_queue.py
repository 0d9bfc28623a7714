"""What every queue promises."""

import asyncio
import uuid

import pytest

from fallow.adapters.amqp_topology import Names
from fallow.adapters.queue_amqp import AmqpQueue
from fallow.adapters.queue_memory import Broker, MemoryQueue
from fallow.errors import Unavailable


class MemoryServer:
    """Several connections to one broker, as several processes would have."""

    def __init__(self, request):
        self.broker = Broker(delivery_limit=3)
        self.queues = []

    async def connect(self):
        self.queues.append(MemoryQueue(self.broker))
        return self.queues[-1]

    async def close(self):
        for queue in self.queues:
            await queue.close()


class RabbitServer:
    """Several connections to a real broker, with queues that no other test knows."""

    servers = "rabbit"

    def __init__(self, request):
        self.url = request.getfixturevalue(self.servers).url
        self.names = Names(f"{uuid.uuid4().hex}.", delivery_limit=3)
        self.queues = []

    async def connect(self):
        self.queues.append(AmqpQueue(self.url, self.names))
        return self.queues[-1]

    async def close(self):
        for queue in self.queues:
            await queue.close()


class ClusterServer(RabbitServer):
    """The same with three brokers."""

    servers = "trio"


@pytest.fixture(params=[MemoryServer, RabbitServer, ClusterServer], ids=["memory", "rabbitmq", "cluster"])
async def server(request):
    server = request.param(request)
    yield server
    await server.close()


@pytest.fixture
async def queue(server):
    return await server.connect()


async def bodies(queue, name, count):
    return [(await queue.get([name], 1.0)).body for _ in range(count)]


async def test_messages_come_in_order_and_once(queue):
    for number in range(5):
        await queue.publish("a", b"%d" % number)
    assert await bodies(queue, "a", 5) == [b"0", b"1", b"2", b"3", b"4"]
    assert await queue.get(["a"], 0) is None


async def test_earlier_named_queues_go_first(queue):
    await queue.publish("b", b"later")
    await queue.publish("a", b"first")
    assert (await queue.get(["a", "b"], 1)).body == b"first"
    assert (await queue.get(["a", "b"], 1)).queue == "b"


async def test_get_waits_for_any_of_its_queues(queue):
    waiting = asyncio.create_task(queue.get(["a", "b"], 5))
    await asyncio.sleep(0.01)
    await queue.publish("b", b"x")
    assert (await waiting).body == b"x"


async def test_get_ends_without_a_message_when_its_wait_is_over(queue):
    assert await queue.get(["a"], 0.02) is None
    await queue.publish("a", b"x")
    assert (await queue.get(["a"], 0)).body == b"x"


async def test_a_crowd_that_does_not_want_to_wait_is_answered(queue):
    """However many ask, and though there is less than they want."""
    for number in range(50):
        await queue.publish("a", b"%d" % number)
    asked = await asyncio.gather(*(queue.get(["a"], 0) for _ in range(200)))
    assert sorted(int(message.body) for message in asked if message) == list(range(50))
    await asyncio.gather(*(queue.ack(message) for message in asked if message))
    assert await queue.depths(["a"]) == {"a": 0}


async def test_a_delayed_message_is_invisible_until_it_is_due(queue):
    assert await queue.get(["a"], 0) is None  # which takes its time, the first time
    await queue.publish("a", b"x", delay=1.0)
    assert await queue.get(["a"], 0.01) is None
    assert (await queue.get(["a"], 10)).body == b"x"


async def test_an_acknowledged_message_never_comes_again(server, queue):
    await queue.publish("a", b"x")
    await queue.ack(await queue.get(["a"], 1))
    await queue.close()
    assert await (await server.connect()).get(["a"], 0.02) is None


async def test_a_refused_message_comes_again_and_counts_its_deliveries(queue):
    await queue.publish("a", b"x")
    first = await queue.get(["a"], 1)
    await queue.nack(first)
    second = await queue.get(["a"], 1)
    assert (first.deliveries, second.deliveries, second.body) == (1, 2, b"x")
    assert first.tag != second.tag


async def test_after_too_many_deliveries_a_message_is_dead(queue):
    await queue.publish("a", b"poison")
    for _ in range(3):
        await queue.nack(await queue.get(["a"], 1))
    assert await queue.get(["a"], 0.02) is None
    assert (await queue.get(["dead"], 1)).body == b"poison"


async def test_what_a_closed_connection_had_not_acknowledged_goes_to_another(server, queue):
    other = await server.connect()
    for body in (b"1", b"2"):
        await queue.publish("a", body)
    await bodies(queue, "a", 2)
    await queue.close()
    assert await bodies(other, "a", 2) == [b"1", b"2"]


async def test_a_delivery_is_held_until_it_is_answered(queue):
    for body in (b"1", b"2"):
        await queue.publish("a", body)
    first, second = await queue.get(["a"], 1), await queue.get(["a"], 1)
    assert queue.holds(first)
    assert queue.holds(second)
    await queue.ack(first)
    await queue.nack(second)
    assert not queue.holds(first)
    assert not queue.holds(second)
    again = await queue.get(["a"], 1)
    assert queue.holds(again)
    assert not queue.holds(second)


async def test_a_closed_queue_holds_nothing(queue):
    await queue.publish("a", b"1")
    message = await queue.get(["a"], 1)
    await queue.close()
    assert not queue.holds(message)


@pytest.mark.parametrize("patience", [0, 0.001, 0.003, 0.01, 0.03])
async def test_who_stops_waiting_takes_no_message_along(queue, patience):
    waiting = asyncio.create_task(queue.get(["a"], 5))
    await asyncio.sleep(0)
    publishing = asyncio.create_task(queue.publish("a", b"x"))
    await asyncio.sleep(patience)
    waiting.cancel()
    try:
        message = await waiting  # it was faster
    except asyncio.CancelledError:
        message = await queue.get(["a"], 5)
    await publishing
    assert message.body == b"x"


async def test_many_consumers_share_the_messages(server, queue):
    others = [await server.connect() for _ in range(4)]

    async def consume(connection):
        found = []
        while message := await connection.get(["a"], 1):
            found.append(message.body)
            await connection.ack(message)
        return found

    await queue.publish("a", b"0")
    consuming = [asyncio.create_task(consume(other)) for other in others]
    for number in range(1, 100):
        await queue.publish("a", b"%d" % number)
    found = [body for bodies in await asyncio.gather(*consuming) for body in bodies]
    assert sorted(found, key=int) == [b"%d" % number for number in range(100)]


async def test_depths_are_of_what_is_ready(queue):
    for name, count in (("a", 3), ("b", 1)):
        for _ in range(count):
            await queue.publish(name, b"x")
    held = await queue.get(["a"], 1)
    assert await queue.depths(["a", "b", "never used", "dead"]) == {"a": 2, "b": 1, "never used": 0, "dead": 0}
    await queue.nack(held)
    await queue.close()
    with pytest.raises(Unavailable):
        await queue.depths(["a"])


async def test_a_closed_queue_says_so(queue):
    waiting = asyncio.create_task(queue.get(["a"], 5))
    await asyncio.sleep(0.01)
    await queue.close()
    assert await waiting is None
    with pytest.raises(Unavailable):
        await queue.publish("a", b"x")
