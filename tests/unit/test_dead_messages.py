"""Messages that came back too often: none is dropped whose task is still to be had."""

import pytest
from job_steps import ctx as ctx
from job_steps import encoding, lease

from fallow.pipeline.sweep import sweep_dead

QUEUE = "video.libx264.normal"


async def refuse(ctx, queue):
    """Until the message is dead."""
    while message := await ctx.queue.get([queue], 0):
        await ctx.queue.nack(message)


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.fields["action"] == "message.dead"]


async def test_the_task_of_a_dead_message_is_announced_anew(ctx, caplog):
    await encoding(ctx)
    await refuse(ctx, QUEUE)
    assert await lease(ctx) is None
    assert await sweep_dead(ctx) == 3
    assert said(caplog) == ["A message came back too often; its task is announced anew."] * 3
    found = [await lease(ctx) for _ in range(3)]
    assert len({grant.task for grant in found}) == 3
    assert await sweep_dead(ctx) == 0


async def test_what_a_task_in_other_hands_left_behind_is_told_and_dropped(ctx, caplog):
    await encoding(ctx)
    grant = await lease(ctx)
    await ctx.queue.publish("dead", b'{"task": "%b"}' % grant.task.encode())
    assert await sweep_dead(ctx) == 1
    assert said(caplog) == ["A message came back too often; its task is leased."]
    assert len([grant async for grant in every(ctx)]) == 2


async def every(ctx):
    while grant := await lease(ctx):
        yield grant


@pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b'{"task": "gone"}'])
async def test_an_unreadable_one_is_told_and_dropped(ctx, caplog, body):
    await ctx.queue.publish("dead", body)
    assert await sweep_dead(ctx) == 1
    (line,) = said(caplog)
    assert line.startswith("A message that is about no task is dropped: ")
    assert await ctx.queue.get(["dead"], 0) is None


async def test_one_that_cannot_be_dealt_with_stays(ctx, monkeypatch):
    await encoding(ctx)
    await refuse(ctx, QUEUE)

    async def fail(*_):
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("fallow.pipeline.sweep.announce", fail)
        with pytest.raises(ConnectionError):
            await sweep_dead(ctx)
    assert await sweep_dead(ctx) == 3
