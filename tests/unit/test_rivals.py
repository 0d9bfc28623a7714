"""The slowest attempts at a job's last tasks are begun once more by free workers; the first delivery wins."""

import asyncio
import dataclasses

import pytest
from job_steps import BIG, encoding, lease, upload, work

from fallow.messages import Failure, Renewal
from fallow.model import Effort, JobState, TaskState
from fallow.pipeline import deliver, dispatch, rivals, sweep
from fallow.pipeline.context import Policy
from fallow.pipeline.hold import Holds

SPARE = "video.libx264.spare"


async def tail(ctx):
    """A job whose last chunk is with a worker that stands still, and the others are done, in 5 s each."""
    job = await encoding(ctx, BIG)
    slow = await lease(ctx, "slow")
    for _ in range(2):
        await work(ctx, "quick")
    return job, slow


async def passes(ctx, grant, seconds, frames, fps):
    """The holder of a lease reports, and then the sweeper looks."""
    ctx.clock.time += seconds
    renewed = await dispatch.renew(ctx, grant.lease, Renewal(frames, fps))
    await sweep.sweep(ctx)
    return renewed


async def test_a_free_worker_begins_what_stands_still_and_the_first_one_is_stopped(ctx):
    job, slow = await tail(ctx)
    assert await lease(ctx, "quick") is None
    await passes(ctx, slow, 10.0, 5, 0.0)
    second = await lease(ctx, "quick")
    assert (second.task, second.attempt) == (slow.task, slow.attempt)
    assert (second.lease != slow.lease, second.put_url != slow.put_url) == (True, True)
    assert await lease(ctx, "third") is None
    assert not (await passes(ctx, slow, 5.0, 6, 0.1)).stop
    assert not (await passes(ctx, second, 1.0, 20, 10.0)).stop
    assert (await deliver.deliver(ctx, "quick", second.lease, await upload(ctx, second))).first
    assert (await passes(ctx, slow, 1.0, 7, 0.1)).stop
    late = await upload(ctx, slow)
    assert not (await deliver.deliver(ctx, "slow", slow.lease, late)).first
    outcomes = [a.outcome for a in await ctx.ledger.attempts(job) if a.task == slow.task]
    assert sorted(outcomes) == ["delivered", "late"]
    assert [f.key async for f in ctx.store.list(f"jobs/{job}/parts/") if slow.lease in f.key] == []
    assert (await ctx.ledger.job(job)).state is JobState.JOINING


async def test_the_slow_one_may_win(ctx):
    _, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 5, 0.0)
    second = await lease(ctx, "quick")
    assert (await deliver.deliver(ctx, "slow", slow.lease, await upload(ctx, slow))).first
    assert (await passes(ctx, second, 1.0, 20, 10.0)).stop


async def test_what_goes_well_is_left_alone(ctx):
    _, slow = await tail(ctx)
    await passes(ctx, slow, 2.0, 20, 10.0)
    assert (await ctx.queue.depths([SPARE]))[SPARE] == 0
    assert await lease(ctx, "quick") is None


async def test_it_is_never_the_same_worker_nor_while_others_wait(ctx):
    job = await encoding(ctx, BIG)
    slow = await lease(ctx, "slow")
    await work(ctx, "quick")
    await passes(ctx, slow, 10.0, 5, 0.0)
    assert (await ctx.queue.depths([SPARE]))[SPARE] == 0
    await work(ctx, "quick")
    await passes(ctx, slow, 10.0, 6, 0.0)
    assert await lease(ctx, "slow") is None
    assert len([a for a in await ctx.ledger.attempts(job) if a.task == slow.task]) == 1


async def test_who_is_busy_is_told_of_no_rivals(ctx):
    _, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 5, 0.0)
    assert await dispatch.lease(ctx, "quick", 0.0, dispatch.claim, None, begin_in=3.0) is None
    assert await lease(ctx, "quick")


async def test_none_is_begun_when_that_is_switched_off(ctx):
    off = dataclasses.replace(ctx, policy=Policy(attempts=3, hedge=0.0))
    _, slow = await tail(off)
    await passes(off, slow, 10.0, 5, 0.0)
    assert await lease(off, "quick") is None


async def test_a_second_attempt_takes_the_place_of_one_that_is_lost(ctx):
    job, slow = await tail(ctx)
    ctx.clock.time += 20.0
    await sweep.sweep(ctx)  # silent, but its lease has not run out
    second = await lease(ctx, "quick")
    assert second.task == slow.task
    await passes(ctx, second, 15.0, 10, 1.0)
    task = await ctx.ledger.task(slow.task)
    assert (task.state, task.lease, task.attempt) == (TaskState.LEASED, second.lease, 2)
    assert (await deliver.deliver(ctx, "quick", second.lease, await upload(ctx, second))).first
    assert (await ctx.ledger.job(job)).state is JobState.JOINING


@pytest.mark.parametrize("kind", ["retryable", "rejected"])
async def test_a_second_attempt_that_fails_is_held_against_nobody(ctx, kind):
    job, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 5, 0.0)
    second = await lease(ctx, "quick")
    await deliver.fail(ctx, "quick", second.lease, Failure(kind, "It broke."))
    task = await ctx.ledger.task(slow.task)
    assert (task.lease, task.attempt, task.state) == (slow.lease, 1, TaskState.LEASED)
    assert (await deliver.deliver(ctx, "slow", slow.lease, await upload(ctx, slow))).first
    assert (await ctx.ledger.job(job)).state is JobState.JOINING


async def test_the_last_attempt_may_fail_while_another_goes_on(ctx):
    once = dataclasses.replace(ctx, policy=Policy(attempts=1))
    job, slow = await tail(once)
    await passes(once, slow, 10.0, 5, 0.0)
    second = await lease(once, "quick")
    await deliver.fail(once, "slow", slow.lease, Failure("retryable", "It broke."))
    assert (await ctx.ledger.job(job)).state is JobState.ENCODING
    assert (await deliver.deliver(once, "quick", second.lease, await upload(once, second))).first


async def test_a_message_is_not_held_for_a_second_attempt(ctx):
    _, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 5, 0.0)
    holds = Holds(ctx)
    second = await dispatch.lease(ctx, "quick", 0.0, holds.claim)
    assert not second.lease.startswith(dispatch.HELD)
    await ctx.queue.close()  # nothing goes back


async def test_a_hint_that_one_has_no_use_for_is_passed_on(ctx):
    _, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 5, 0.0)
    assert await lease(ctx, "slow") is None
    await sweep.sweep(ctx)
    assert (await lease(ctx, "quick")).task == slow.task


async def test_a_rival_that_falls_silent_is_replaced_before_its_lease_runs_out(ctx):
    job, slow = await tail(ctx)
    await passes(ctx, slow, 10.0, 1, 0.0)
    lost = await lease(ctx, "quick")
    await passes(ctx, slow, 8.0, 1, 0.0)
    await passes(ctx, slow, 8.0, 1, 0.0)
    third = await lease(ctx, "third")
    assert third.task == slow.task
    assert (await dispatch.renew(ctx, lost.lease, Renewal(9, 1.0))).stop
    assert not (await passes(ctx, slow, 1.0, 2, 0.1)).stop
    assert (await deliver.deliver(ctx, "third", third.lease, await upload(ctx, third))).first
    assert (await ctx.ledger.job(job)).state is JobState.JOINING


async def test_a_quick_worker_is_asked_before_a_slow_one_begins(ctx):
    job = await encoding(ctx, BIG)
    slow = await lease(ctx, "slow")
    for worker, seconds in (("slower", 20.0), ("quick", 2.0)):
        grant = await lease(ctx, worker)
        told = dataclasses.replace(await upload(ctx, grant), effort=Effort(wall_seconds=seconds))
        await deliver.deliver(ctx, worker, grant.lease, told)
    waiting = [asyncio.create_task(dispatch.lease(ctx, name, 60.0, dispatch.claim)) for name in ("slower", "quick")]
    await passes(ctx, slow, 30.0, 1, 0.0)
    assert (await waiting[1]).task == slow.task
    waiting[0].cancel()
    assert [a.worker for a in await ctx.ledger.attempts(job) if a.task == slow.task] == ["slow", "quick"]


async def test_the_end_of_a_job_is_watched_between_two_sweeps(ctx):
    job, slow = await tail(ctx)
    await passes(ctx, slow, 1.0, 5, 5.0)
    assert ctx.ending == {job}
    ctx.clock.time += 9.0
    await dispatch.renew(ctx, slow.lease, Renewal(6, 0.0))
    await rivals.watch(ctx, 2 * rivals.LOOK_EVERY)
    assert (await lease(ctx, "quick")).task == slow.task
    await dispatch.fail_job(ctx, job, "It is over.", "rejected")
    await rivals.watch(ctx, 2 * rivals.LOOK_EVERY)
    assert ctx.ending == set()
