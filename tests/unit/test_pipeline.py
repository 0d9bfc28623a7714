"""The pipeline's decisions: what becomes possible when, and what is found again."""

import dataclasses

from job_steps import (
    BIG,
    FRAMES,
    SMALL,
    SOURCE,
    a_job,
    encoding,
    later,
    lease,
    ship,
    split_done,
    splitting,
    state,
    upload,
    work,
)

from fallow.adapters.queue_memory import MemoryQueue
from fallow.model import Effort, JobState, TaskKind
from fallow.pipeline import deliver, dispatch, keys, submit, sweep
from fallow.pipeline.job_options import Options
from fallow.pipeline.receive import start

# the way of a job


async def test_chunks_are_encoded_while_the_rest_is_split(ctx):
    job, split = await splitting(ctx)
    await ship(ctx, job, 0)
    grant, receipt = await work(ctx)
    assert (receipt.first, grant.job, grant.attempt, grant.kind) == (True, job, 1, TaskKind.VIDEO)
    assert await state(ctx, job) is JobState.SPLITTING
    assert await lease(ctx) is None
    await split_done(ctx, split)
    assert await ctx.queue.get(["join.normal"], 0) is not None


async def test_a_join_is_offered_once_and_with_its_first_part(ctx):
    job, split = await splitting(ctx)
    await ship(ctx, job, 0)
    await ship(ctx, job, 1)
    first, second = sorted([await lease(ctx), await lease(ctx)], key=lambda grant: grant.task)
    await deliver.deliver(ctx, "w", second.lease, await upload(ctx, second))
    assert await ctx.queue.get(["join.normal"], 0) is None
    await deliver.deliver(ctx, "w", first.lease, await upload(ctx, first))
    assert await state(ctx, job) is JobState.SPLITTING
    assert await ctx.queue.get(["join.normal"], 0) is not None
    await split_done(ctx, split)
    assert await state(ctx, job) is JobState.JOINING
    assert await ctx.queue.get(["join.normal"], 0) is None


async def test_one_rendition_is_joined_while_another_is_encoded(ctx):
    job = await encoding(ctx, BIG, SMALL)
    done = 0
    while done < 3:
        grant = await lease(ctx)
        if "/big/" in grant.put_url:
            await deliver.deliver(ctx, "w", grant.lease, await upload(ctx, grant))
            done += 1
    assert await ctx.queue.get(["join.normal"], 0) is not None
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_finished_job_keeps_its_results_and_nothing_else(ctx):
    from fallow.model import Part

    job = await encoding(ctx)
    for _ in range(3):
        await work(ctx)
    join = await dispatch.claim(ctx, await ctx.queue.get(["join.normal"], 0), "joiner")
    key = keys.result(job, "big", join.lease, "mp4")
    await ctx.store.put(key, b"film")
    assert await ctx.ledger.set_result(job, "big", Part(key, 4, "", FRAMES, ""), {})
    await ctx.ledger.commit(join.lease, Part(key, 4, "", FRAMES, ""), Effort())
    await dispatch.advance(ctx, job)
    assert await state(ctx, job) is JobState.DONE
    assert [facts.key async for facts in ctx.store.list("")] == [key]


async def test_only_the_last_task_of_all_may_use_idle_cores(ctx):
    job, split = await splitting(ctx)
    for number in range(3):
        await ship(ctx, job, number)
    assert not (await lease(ctx)).last
    await split_done(ctx, split)
    assert [(await lease(ctx)).last for _ in range(2)] == [False, True]


async def test_nothing_is_last_while_another_job_is_on(ctx):
    await encoding(ctx)
    await a_job(ctx)
    assert [(await lease(ctx)).last for _ in range(3)] == [False, False, False]


async def test_urgent_jobs_go_first(ctx):
    usual = await encoding(ctx)
    urgent, _ = await submit.create(ctx, "clip", [BIG], Options(priority="high"))
    await ctx.store.put(urgent.source_key, b"source")
    await start(ctx, urgent.id)
    await ctx.ledger.set_source(urgent.id, SOURCE)
    await ship(ctx, urgent.id, 0)
    assert [(await lease(ctx)).job for _ in range(2)] == [urgent.id, usual]


# restarts


async def test_after_a_restart_every_job_is_taken_up_where_it_was(ctx, tmp_path):
    job = await encoding(ctx)
    await work(ctx)
    here, far = await lease(ctx), await lease(ctx, "far")
    waiting, _ = await submit.create(ctx, "film", [BIG], Options())
    await ctx.store.put(waiting.source_key, b"uploaded just before the power went")
    again = dataclasses.replace(ctx, queue=MemoryQueue())
    await sweep.recover(again, "w")
    await sweep.announce_all(again)
    await sweep.sweep_uploads(again)
    assert await again.queue.get(["split.normal"], 0) is not None
    await later(again, 5)
    grant = await lease(again)
    assert (grant.task, grant.attempt) == (here.task, 1)
    assert await lease(again) is None
    assert (await deliver.deliver(again, "far", far.lease, await upload(again, far))).first
    assert await state(again, job) is JobState.ENCODING


async def test_lost_messages_are_soon_sent_again(ctx):
    """As when the queue loses all it had, or whoever queued tasks is killed before it can say so."""
    await encoding(ctx)
    lost = dataclasses.replace(ctx, queue=MemoryQueue())
    await later(lost, ctx.policy.message_seconds - 1)
    assert await lease(lost) is None
    await later(lost, 2)
    assert len({(await lease(lost)).task for _ in range(3)}) == 3


QUEUE = "video.libx264.normal"


async def test_a_message_that_is_missing_among_others_is_sent_again(ctx):
    """However busy the queue is, and however many messages in it are about tasks that others have taken by name."""
    await encoding(ctx)
    lost = await ctx.queue.get([QUEUE], 0)
    await ctx.queue.ack(lost)
    await later(ctx, ctx.policy.message_seconds + 1)
    assert await ctx.queue.depths([QUEUE]) == {QUEUE: 3}
    await ctx.queue.ack(await ctx.queue.get([QUEUE], 0))
    await ctx.queue.publish(QUEUE, b'{"task": "of others"}')
    await later(ctx, ctx.policy.message_seconds + 1)
    assert await ctx.queue.depths([QUEUE]) == {QUEUE: 3}
    await later(ctx, ctx.policy.queue_seconds)
    assert len({(await lease(ctx)).task for _ in range(3)}) == 3


async def test_tasks_that_nobody_can_do_do_not_fill_their_queue(ctx):
    await encoding(ctx)
    assert await ctx.queue.depths([QUEUE]) == {QUEUE: 3}
    for _ in range(5):
        await later(ctx, ctx.policy.message_seconds + 1)
    assert await ctx.queue.depths([QUEUE]) == {QUEUE: 3}
    for _ in range(5):
        await later(ctx, ctx.policy.queue_seconds + 1)
    assert await ctx.queue.depths([QUEUE]) == {QUEUE: 6}


async def test_messages_about_nothing_are_dropped(ctx):
    for body in (b"nonsense", b"[]", b"{}", b'{"task": "none"}'):
        await ctx.queue.publish("video.normal", body)
    assert await lease(ctx) is None
    assert await ctx.queue.get(["video.normal", "dead"], 0) is None


async def test_objects_that_nobody_owns_are_deleted(ctx):
    job = await encoding(ctx)
    slow = await lease(ctx, "slow")
    await upload(ctx, slow)
    await ctx.store.put("jobs/gone/parts/x/00000.l.ts", b"x")
    assert await sweep.sweep_objects(ctx) == 1
    await later(ctx)
    for _ in range(3):
        await work(ctx)
    assert await sweep.sweep_objects(ctx) == 1
    assert await ctx.store.stat(slow.put_url.removeprefix("put ")) is None
    assert len([facts async for facts in ctx.store.list(f"jobs/{job}/parts/")]) == 3
