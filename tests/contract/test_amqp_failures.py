"""What RabbitMQ must not do to a platform: lose messages, keep it from coming back, tell passwords."""

import asyncio
import io
import uuid

import pytest

from fallow import log
from fallow.adapters.amqp_feed import AT_ONCE
from fallow.adapters.amqp_line import Line, parse
from fallow.adapters.amqp_topology import Names
from fallow.adapters.queue_amqp import AmqpQueue
from fallow.errors import BadSetting
from fallow.settings import Settings
from fallow.wiring import connect
from servers import rabbitmq


@pytest.fixture
def names():
    return Names(f"{uuid.uuid4().hex}.")


@pytest.fixture
async def opened(names):
    """Makes queues that are closed in the end."""
    queues = []

    def make(url, **more):
        queues.append(AmqpQueue(url, more.pop("names", names), **more))
        return queues[-1]

    yield make
    for queue in queues:
        await queue.close()


@pytest.fixture
def told():
    """What is logged, down to the last detail."""
    lines = io.StringIO()
    log.set_up("json", lines, "debug")
    yield lines
    log.set_up("off")


async def acknowledged(queue, count, name="a"):
    """Bodies of messages, each acknowledged, until there were so many different ones."""
    found = []
    while len(set(found)) < count:
        message = await queue.get([name], 60)
        assert message, f"{len(set(found))} of {count} messages came"
        found.append(message.body)
        await queue.ack(message)
    return found


async def settled(queue, *names):
    """Queues that outlive a kill: RabbitMQ 3.10 has them on disk only some seconds after they were made."""
    for name in names:
        await queue.publish(name, b"")
        await queue.ack(await queue.get([name], 30))
    await asyncio.sleep(4)


async def test_messages_outlive_a_killed_broker_and_who_waits_gets_the_next(rabbit, opened):
    queue, other = opened(rabbit.url, patience=120), opened(rabbit.url)
    await settled(queue, "a", "b")
    await queue.publish("a", b"before")
    waiting = asyncio.create_task(other.get(["b"], 120))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(rabbit.nodes[0].kill)
    publishing = asyncio.create_task(queue.publish("b", b"after"))
    await asyncio.to_thread(lambda: (rabbit.nodes[0].start(), rabbit.nodes[0].wait()))
    await publishing
    assert (await waiting).body == b"after"
    assert await acknowledged(queue, 1) == [b"before"]


async def test_a_message_held_while_the_broker_is_killed_is_known_to_be_lost_and_comes_again(rabbit, opened):
    queue = opened(rabbit.url)
    await settled(queue, "a")
    await queue.publish("a", b"x")
    held = await queue.get(["a"], 30)
    await asyncio.to_thread(rabbit.nodes[0].kill)
    await asyncio.to_thread(lambda: (rabbit.nodes[0].start(), rabbit.nodes[0].wait()))
    assert not queue.holds(held)
    await queue.ack(held)
    again = await queue.get(["a"], 60)
    assert again.body == b"x"
    assert queue.holds(again)


async def test_an_acknowledgement_that_comes_too_late_is_no_error_and_the_message_comes_again(rabbit, opened):
    queue = opened(rabbit.url)
    await queue.publish("a", b"x")
    message = await queue.get(["a"], 5)
    await queue._in.drop()
    await queue.ack(message)
    again = await queue.get(["a"], 30)
    assert (again.body, again.deliveries) == (b"x", 2)


async def test_a_blocked_broker_makes_publishers_wait_but_not_who_takes(rabbit, opened, told, monkeypatch):
    queue, node = opened(rabbit.url), rabbit.nodes[0]
    await queue.publish("a", b"before")
    monkeypatch.setattr("fallow.adapters.queue_amqp.CONFIRM_SECONDS", 0.5)
    await asyncio.to_thread(node.control, "set_vm_memory_high_watermark", "0.00001")
    try:
        publishing = asyncio.create_task(queue.publish("a", b"held"))
        assert await acknowledged(queue, 1) == [b"before"]
        await asyncio.wait([publishing], timeout=3)
        assert not publishing.done()
        assert "queue.blocked" in told.getvalue()
    finally:
        await asyncio.to_thread(node.control, "set_vm_memory_high_watermark", "absolute", "1GiB")
    await asyncio.wait_for(publishing, 60)
    assert b"held" in await acknowledged(queue, 1)


async def test_who_stands_in_line_is_not_taken_for_unanswered(rabbit, opened, monkeypatch):
    """A channel answers one question after the other: so few are put at a time, and time counts from then on."""
    under_way, most, answer = 0, 0, Line.answer

    async def counted(self, question, seconds):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await answer(self, question, seconds)
        finally:
            under_way -= 1

    queue = opened(rabbit.url)
    await queue.publish("a", b"x")
    monkeypatch.setattr(Line, "answer", counted)
    asked = await asyncio.gather(*(queue.get(["a"], 0) for _ in range(200)))
    assert [message.body for message in asked if message] == [b"x"]
    assert 1 < most <= AT_ONCE


async def test_a_queue_that_somebody_deleted_is_made_again(rabbit, opened, names):
    queue, node = opened(rabbit.url), rabbit.nodes[0]
    await queue.publish("a", b"lost")
    await asyncio.to_thread(node.control, "delete_queue", names.of("a"))
    await queue.publish("a", b"x")
    assert (await queue.get(["a"], 5)).body == b"x"


async def test_who_waits_at_a_queue_that_somebody_deletes_gets_the_next_message(rabbit, opened, names, monkeypatch):
    monkeypatch.setattr("fallow.adapters.amqp_feed.IDLE_SECONDS", 1.0)
    queue, other = opened(rabbit.url), opened(rabbit.url)
    waiting = asyncio.create_task(queue.get(["a", "b"], 60))
    await other.publish("c", b"x")
    await asyncio.to_thread(rabbit.nodes[0].control, "delete_queue", names.of("a"))
    await other.publish("a", b"x")
    assert (await waiting).body == b"x"


async def test_deliveries_of_other_queues_survive_the_end_of_one(rabbit, opened, names):
    queue = opened(rabbit.url)
    for name in ("a", "b"):
        await queue.publish(name, b"x")
    held = await queue.get(["a"], 5)
    await queue.ack(await queue.get(["b"], 5))
    await asyncio.to_thread(rabbit.nodes[0].control, "delete_queue", names.of("b"))
    assert await queue.get(["b"], 0) is None
    assert queue.holds(held)


async def test_a_message_kept_for_too_long_comes_again_and_its_late_acknowledgement_is_no_error(rabbit, opened):
    node, setting = rabbit.nodes[0], "application:set_env(rabbit,{},{})".format
    short = [setting("consumer_timeout", 1000), setting("channel_tick_interval", 300)]
    usual = [setting("consumer_timeout", 1800000), setting("channel_tick_interval", 60000)]
    await asyncio.to_thread(node.control, "eval", ",".join(short) + ".")
    try:
        queue = opened(rabbit.url)
        await queue.publish("a", b"x")
        first = await queue.get(["a"], 5)
        for _ in range(1000):
            if not queue.holds(first):
                break
            await asyncio.sleep(0.05)
    finally:
        await asyncio.to_thread(node.control, "eval", ",".join(usual) + ".")
    assert not queue.holds(first)
    await queue.ack(first)
    second = await queue.get(["a"], 60)
    assert (second.body, second.deliveries) == (b"x", 2)
    assert queue.holds(second)
    await queue.ack(second)
    assert await queue.get(["a"], 1) is None


async def test_a_queue_of_another_kind_is_named(rabbit, opened, names):
    await opened(rabbit.url).publish("a", b"x")
    other = opened(rabbit.url, names=Names(names.prefix, delivery_limit=names.delivery_limit + 1))
    with pytest.raises(BadSetting, match=rf"{names.of('a')} of another kind"):
        await other.publish("a", b"x")


async def test_dead_messages_come_again_as_often_as_they_are_refused(rabbit, opened, names):
    queue = opened(rabbit.url, names=Names(names.prefix, delivery_limit=1))
    await queue.publish("a", b"x")
    await queue.nack(await queue.get(["a"], 5))
    for _ in range(30):
        await queue.nack(await queue.get(["dead"], 5))
    assert (await queue.get(["dead"], 5)).body == b"x"


async def test_a_message_that_nobody_waits_for_any_more_is_not_held_back(rabbit, opened):
    """Two come at once for one who wants only one."""
    queue, other = opened(rabbit.url), opened(rabbit.url)
    waiting = asyncio.create_task(queue.get(["a", "b"], 30))
    await asyncio.sleep(0.5)
    await asyncio.gather(other.publish("a", b"1"), other.publish("b", b"2"))
    first = await waiting
    second = await other.get(["a", "b"], 30)
    assert {first.body, second.body} == {b"1", b"2"}


SECRETS = (rabbitmq.PASSWORD, rabbitmq.QUOTED, "secret!word", "secret%21word")


@pytest.mark.parametrize(
    ("part", "wrong"),
    [(rabbitmq.QUOTED, "secret%21word"), (f"{rabbitmq.USER}:", "ann:"), ("/%2F", "/nowhere")],
    ids=["password", "user", "virtual host"],
)
async def test_who_is_not_let_in_is_told_so_at_once_and_without_a_password(rabbit, told, part, wrong):
    url = f"{rabbit.url}%2F".replace(part, wrong)
    with pytest.raises(BadSetting, match="see that it runs, and that user, password and virtual host") as raised:
        await AmqpQueue.open(url)
    seen = told.getvalue() + str(raised.value) + repr(parse(url))
    assert not [secret for secret in SECRETS if secret in seen]


async def test_who_may_not_use_its_queues_is_told_what_to_allow(rabbit, opened, told):
    node, user = rabbit.nodes[0], f"u{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(node.control, "add_user", user, "secret!word")
    url = rabbit.url.replace(f"{rabbitmq.USER}:{rabbitmq.QUOTED}", f"{user}:secret%21word")
    await asyncio.to_thread(node.control, "set_permissions", user, "", "", "")
    queue = opened(url)
    with pytest.raises(BadSetting, match="allow its user to configure, write and read"):
        await queue.publish("a", b"x")
    with pytest.raises(BadSetting, match="allow its user to configure, write and read"):
        await queue.get(["a"], 5)
    assert not [secret for secret in SECRETS if secret in told.getvalue()]


async def test_no_password_is_told_while_all_is_well(rabbit, opened, told):
    await opened(rabbit.url).publish("a", b"x")
    seen = told.getvalue() + repr(parse(rabbit.url)) + str(parse(rabbit.url))
    assert "queue.connected" in seen
    assert not [secret for secret in SECRETS if secret in seen]


async def test_a_platform_finds_its_queue_by_the_url(rabbit, tmp_path):
    from fallow.data_folder import DataFolder

    folder = DataFolder.open(tmp_path)
    backends = await connect(Settings(queue_url=rabbit.url), folder)
    try:
        name = uuid.uuid4().hex
        await backends.queue.publish(name, b"x")
        assert (await backends.queue.get([name], 5)).body == b"x"
    finally:
        await backends.close()
        folder.close()
