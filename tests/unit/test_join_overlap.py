"""Results that grow while their parts are made, one after another or in no order at all."""

import asyncio
import dataclasses
import hashlib
import io
import itertools

import av
import pytest
from growing import delivered, the_join
from job_steps import FRAMES, a_job, encoding, later, ship, split_done, splitting, state

from fallow.errors import NotFound
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline import join, sweep
from fallow.pipeline.context import Policy

pytestmark = pytest.mark.usefixtures("still")
TIMES = [pytest.approx(k / 25, abs=1e-6) for k in range(FRAMES)]


async def result(ctx, job, tmp_path):
    rendition = (await ctx.ledger.job(job)).renditions[0]
    path = tmp_path / "result"
    path.write_bytes(b"".join([piece async for piece in ctx.store.stream(rendition.result.key)]))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == rendition.result.sha256
    with av.open(str(path)) as opened:
        shown = sorted(float(p.pts * p.time_base) for p in opened.demux(video=0) if p.size)
    with av.open(str(path)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == FRAMES
    return shown


def pictures(data):
    """The decoded frames."""
    with av.open(io.BytesIO(data)) as opened:
        return [hashlib.sha256(bytes(frame.planes[0])).digest() for frame in opened.decode(video=0)]


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_parts_may_come_in_any_order(ctx, parts, tmp_path, joining, container, order):
    job = await encoding(ctx, container=container)
    running = None
    for number in order:
        await delivered(ctx, parts, number)
        if number == 0:
            _, running = await joining(ctx)
    await running
    assert await state(ctx, job) is JobState.DONE
    zero = 1.4 if container == "mpegts" else 0.0
    wanted = [pytest.approx(zero + k / 25, abs=0.001) for k in range(FRAMES)]
    assert await result(ctx, job, tmp_path) == wanted
    assert pictures((tmp_path / "result").read_bytes()) == [one for part in parts for one in pictures(part)]


async def test_a_join_begins_while_the_source_is_split(ctx, parts, tmp_path, joining):
    job, split = await splitting(ctx)
    await ship(ctx, job, 0)
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    for number in (1, 2):
        await ship(ctx, job, number)
        await delivered(ctx, parts, number)
    await split_done(ctx, split)
    await running
    assert await result(ctx, job, tmp_path) == TIMES


async def test_a_join_that_waits_gives_its_place_to_others_and_comes_back_for_the_whole(
    ctx, parts, tmp_path, joining
):
    hasty = dataclasses.replace(ctx, policy=Policy(join_wait=0.0))
    job = await encoding(hasty)
    await delivered(hasty, parts, 0)
    task, running = await joining(hasty)
    await hasty.queue.publish("join.low", b"another join")
    await running
    waiting = await ctx.ledger.task(task.id)
    assert (waiting.state, waiting.attempt, waiting.error) == (TaskState.PLANNED, 0, "")
    assert [facts.key async for facts in ctx.store.list(f"jobs/{job}/results")] == []
    await delivered(hasty, parts, 1)
    await sweep.sweep(hasty)
    assert await the_join(hasty) is None
    await delivered(hasty, parts, 2)
    _, again = await joining(hasty)
    await again
    assert await result(ctx, job, tmp_path) == TIMES
    assert (await ctx.ledger.task(task.id)).attempt == 1


async def test_a_join_that_nobody_hastens_comes_back_when_its_job_is_twice_as_old(ctx, parts, joining):
    hasty = dataclasses.replace(ctx, policy=Policy(join_wait=0.0))
    await encoding(hasty)
    ctx.clock.time += 1000
    await delivered(hasty, parts, 0)
    _, running = await joining(hasty)
    await hasty.queue.publish("join.low", b"another join")
    await running
    await later(hasty, 900)
    assert await the_join(hasty) is None
    await later(hasty, 200)
    assert await the_join(hasty) is not None


async def test_a_join_waits_in_peace_while_nobody_needs_its_place(ctx, parts, joining):
    hasty = dataclasses.replace(ctx, policy=Policy(join_wait=0.0))
    job = await encoding(hasty)
    await delivered(hasty, parts, 0)
    task, running = await joining(hasty)
    await asyncio.sleep(0.7)  # longer than between two looks
    assert (await ctx.ledger.task(task.id)).state is TaskState.LEASED
    for number in (1, 2):
        await delivered(hasty, parts, number)
    await running
    assert await state(ctx, job) is JobState.DONE


async def test_a_process_that_is_to_end_gives_its_waiting_joins_back(ctx, parts, joining):
    await encoding(ctx)
    await delivered(ctx, parts, 0)
    task, running = await joining(ctx)
    ctx.draining.set()
    await running
    assert (await ctx.ledger.task(task.id)).state is TaskState.PLANNED


async def test_no_join_begins_before_its_time_while_others_wait(ctx, parts):
    await encoding(ctx)
    await ctx.queue.publish("join.low", b"another join")
    await delivered(ctx, parts, 0)
    assert await the_join(ctx) is None
    await ctx.queue.get(["join.low"], 0)
    await later(ctx, 2)
    assert await the_join(ctx) is not None


async def test_a_part_that_is_found_broken_while_others_are_made_is_made_again(ctx, parts, tmp_path, joining):
    job = await encoding(ctx)
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    await delivered(ctx, parts, 1, spoilt=b"x" * len(parts[1]))
    await running
    tasks = await ctx.ledger.tasks(job, [TaskKind.VIDEO])
    assert [task.state for task in tasks].count(TaskState.DONE) == 1
    for number in (1, 2):
        await later(ctx, 5)
        await delivered(ctx, parts, number)
    await later(ctx, 60)
    _, again = await joining(ctx)
    await again
    assert await result(ctx, job, tmp_path) == TIMES


async def test_a_join_ends_with_its_job(ctx, parts, joining):
    quick = dataclasses.replace(ctx, policy=Policy(renew_seconds=0.0))
    job = await encoding(quick)
    await delivered(quick, parts, 0)
    _, running = await joining(quick)
    await ctx.ledger.move_job(job, JobState.CANCELLED)
    await running
    assert [facts.key async for facts in ctx.store.list(f"jobs/{job}/results")] == []


async def test_nothing_is_known_of_a_job_without_a_source(ctx):
    job = await a_job(ctx)
    assert await ctx.ledger.prefix(job, "big", 0, 10) == []
    with pytest.raises(NotFound):
        await join.read_index(ctx, job)
