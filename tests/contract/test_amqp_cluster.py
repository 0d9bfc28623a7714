"""What becomes of messages while nodes of a RabbitMQ cluster die."""

import asyncio
import contextlib
import itertools
import uuid

from fallow.adapters.amqp_topology import Names
from fallow.adapters.queue_amqp import AmqpQueue
from fallow.errors import Unavailable

COUNT = 600


async def publish(queue, numbers, sent):
    for number in numbers:
        await queue.publish("a", b"%d" % number)
        sent.append(number)
        await asyncio.sleep(0.02)


async def take(queue, found, complete):
    """Until all have been found, whatever comes between."""
    while not complete.is_set():
        try:
            if message := await queue.get(["a"], 1):
                found.add(int(message.body))
                await queue.ack(message)
                if len(found) == COUNT:
                    complete.set()
        except Unavailable:
            await asyncio.sleep(0.1)


async def restart(nodes):
    """One after the other, each as when its machine fails."""
    for node in nodes:
        await asyncio.sleep(2)
        await asyncio.to_thread(node.kill)
        await asyncio.sleep(2)
        await asyncio.to_thread(lambda each=node: (each.start(), each.wait()))


@contextlib.asynccontextmanager
async def killed(node):
    """A node that comes back in the end, for those who need it next."""
    await asyncio.to_thread(node.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(lambda: (node.start(), node.wait()))


def leader_of(cluster, name):
    lines = cluster.nodes[0].control("--quiet", "list_queues", "name", "leader").splitlines()
    told = dict(line.split("\t") for line in lines if "\t" in line)
    return next(node for node in cluster.nodes if node.name == told[name])


async def test_nothing_confirmed_is_lost_while_nodes_are_killed_in_turn(trio):
    names = Names(f"{uuid.uuid4().hex}.")
    publisher, *takers = queues = [AmqpQueue(trio.url, names, patience=120) for _ in range(4)]
    sent, found, complete, numbers = [], set(), asyncio.Event(), iter(range(COUNT))
    await publisher.publish("warm-up", b"")
    taking = [asyncio.create_task(take(queue, found, complete)) for queue in takers]
    try:
        # The node that leads the queue is one of these, or comes to be.
        senders = [publish(publisher, itertools.islice(numbers, COUNT // 4), sent) for _ in range(4)]
        await asyncio.gather(restart(trio.nodes), *senders)
        await asyncio.wait_for(complete.wait(), 120)
        await asyncio.gather(*taking)
    finally:
        for task in taking:
            task.cancel()
        for queue in queues:
            await queue.close()
    assert sorted(sent) == sorted(found) == list(range(COUNT))


async def test_who_waits_gets_a_message_though_the_node_it_waits_at_dies(trio):
    names = Names(f"{uuid.uuid4().hex}.")
    queue, other = AmqpQueue(trio.url, names, patience=120), AmqpQueue(trio.url, names, patience=120)
    try:
        await other.publish("a", b"")
        await other.ack(await other.get(["a"], 10))
        waiting = asyncio.create_task(queue.get(["a"], 120))
        await asyncio.sleep(1)
        port = queue._in.connection.url.port
        node = next(node for node in trio.nodes if node.port == port)
        async with killed(node):
            await other.publish("a", b"x")
            assert (await waiting).body == b"x"
    finally:
        await queue.close()
        await other.close()


async def test_who_publishes_before_a_queue_has_a_new_leader_does_not_stay_refused(trio):
    names = Names(f"{uuid.uuid4().hex}.")
    maker = AmqpQueue(trio.url, names, patience=120)
    await maker.publish("a", b"")
    leader = await asyncio.to_thread(leader_of, trio, names.of("a"))
    others = [f"127.0.0.1:{node.port}" for node in trio.nodes if node is not leader]
    login = trio.url.rpartition("@")[0]
    publishers = [AmqpQueue(f"{login}@{','.join(others)}/", names, patience=60) for _ in range(12)]
    try:
        for number, queue in enumerate(publishers):  # they are connected, and do not know the queue yet
            await queue.publish(f"other{number}", b"")
        async with killed(leader):
            await asyncio.gather(*(queue.publish("a", b"x") for queue in publishers))
    finally:
        for queue in [maker, *publishers]:
            await queue.close()
