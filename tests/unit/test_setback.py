"""What failed attempts mean."""

import pytest
from job_steps import encoding, later, lease, state, work

from fallow.errors import (
    BrokenPart,
)
from fallow.messages import Failure, Renewal
from fallow.model import JobState
from fallow.pipeline import deliver, dispatch, submit, sweep

# failures


async def fail(ctx, kind="retryable", message="FFmpeg fell over.", frames=None):
    grant = await lease(ctx)
    await deliver.fail(ctx, "w", grant.lease, Failure(kind, message, frames))
    return grant


async def test_a_failed_task_is_tried_again_after_a_while(ctx):
    await encoding(ctx)
    failed = await fail(ctx)
    others = [await lease(ctx), await lease(ctx)]
    assert await lease(ctx) is None
    assert failed.task not in [grant.task for grant in others]
    ctx.clock.time += 2
    await sweep.sweep(ctx)
    again = await lease(ctx)
    assert (again.task, again.attempt) == (failed.task, 2)


async def test_after_the_last_attempt_the_job_fails_and_a_retry_goes_on_where_it_was(ctx):
    job = await encoding(ctx)
    done, _ = await work(ctx)
    for _ in range(3):
        while (grant := await lease(ctx)) and not grant.task.endswith("00001"):
            pass
        await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "FFmpeg fell over."))
        await later(ctx, 70)
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error, failed.error_kind) == (JobState.FAILED, "FFmpeg fell over.", "retryable")
    await submit.retry(ctx, job)
    assert await state(ctx, job) is JobState.ENCODING
    left = {(await lease(ctx)).task for _ in range(2)}
    assert done.task not in left
    assert await lease(ctx) is None


async def test_a_rejected_attempt_fails_the_job_at_once(ctx):
    job = await encoding(ctx)
    await fail(ctx, "rejected", "No such pixel format.")
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error, failed.error_kind) == (JobState.FAILED, "No such pixel format.", "rejected")


async def test_an_attempt_that_was_stopped_costs_the_task_nothing(ctx):
    job = await encoding(ctx)
    for _ in range(10):
        await fail(ctx, "cancelled", "The agent was told to stop.")
        await later(ctx)
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_worker_that_falls_silent_loses_its_task(ctx):
    await encoding(ctx)
    silent = await lease(ctx, "silent")
    await later(ctx, 31)
    assert (await dispatch.renew(ctx, silent.lease, Renewal())).stop
    await later(ctx, 10)
    assert silent.task in {(await lease(ctx)).task for _ in range(3)}
    assert (await ctx.ledger.attempt(silent.lease)).outcome == "expired"


async def test_a_worker_that_renews_keeps_its_task(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    for _ in range(5):
        await later(ctx, 20)
        assert not (await dispatch.renew(ctx, grant.lease, Renewal(5, 2.0))).stop


async def test_a_worker_that_never_ends_loses_its_task_at_the_deadline(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    while not (await dispatch.renew(ctx, grant.lease, Renewal())).stop:
        ctx.clock.time += 25
    assert ctx.clock.time - 1_000_000 == pytest.approx(grant.deadline_seconds, abs=25)


async def test_a_full_disk_waits_longer_than_other_failures(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    ctx.refused[grant.put_url.removeprefix("put ")] = "No space is left in /blobs; free some."
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "The upload was refused."))
    others = {(await lease(ctx)).task for _ in range(2)}
    await later(ctx, 25)
    assert await lease(ctx) is None
    await later(ctx, 6)
    assert (await lease(ctx)).task not in others
    assert "No space" in (await ctx.ledger.task(grant.task)).error


# damage


@pytest.mark.parametrize(("counted", "words"), [(20, "5 of 25 frames"), (26, "25 frames decode to 26")])
async def test_two_equal_counts_mean_that_the_source_is_damaged(ctx, counted, words):
    job = await encoding(ctx)
    first = await fail(ctx, message="A wrong number.", frames=counted)
    await later(ctx)
    while (grant := await lease(ctx)).task != first.task:
        pass
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "A wrong number.", counted))
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, "rejected")
    assert "0:00:00.000" in failed.error
    assert words in failed.error
    assert "--accept-damaged" in failed.error


async def test_different_counts_are_just_failures(ctx):
    job = await encoding(ctx)
    first = await fail(ctx, frames=20)
    await later(ctx)
    while (grant := await lease(ctx)).task != first.task:
        pass
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "19 of 25 frames", 19))
    assert await state(ctx, job) is JobState.ENCODING


async def test_a_part_with_too_few_frames_counts_like_a_failure_for_that(ctx):
    job = await encoding(ctx)
    with pytest.raises(BrokenPart, match="24 frames instead of 25"):
        await work(ctx, frames=24)
    await work(ctx)
    await work(ctx)
    await later(ctx)
    with pytest.raises(BrokenPart):
        await work(ctx, frames=24)
    assert (await ctx.ledger.job(job)).error_kind == "rejected"


async def test_damage_that_is_accepted_is_marked(ctx):
    await encoding(ctx, accept_damaged=True)
    grant, receipt = await work(ctx, frames=20)
    part = (await ctx.ledger.task(grant.task)).part
    assert (receipt.first, part.frames, part.damaged) == (True, 20, True)
    for frames in (0, 26):
        with pytest.raises(BrokenPart):
            await work(ctx, frames=frames)
