"""Objects that the store has lost are made again."""

import dataclasses

from job_steps import BIG, a_spec, encoding, later, lease, split_done, state

from fallow.messages import Failure
from fallow.model import JobState, TaskState
from fallow.pipeline import deliver, dispatch


async def lose(ctx, job, number=0):
    await ctx.store.delete([f"jobs/{job}/chunks/{number}"])


async def splitting_again(ctx):
    return await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter")


async def offered(ctx):
    """A worker takes what is there, and gives back what it cannot fetch; the grants of the rest."""
    kept = []
    while grant := await lease(ctx):
        if await ctx.holds(grant.get_url.removeprefix("get "), grant.get_bytes):
            kept.append(grant)
        else:
            await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "Status 404."))
    return kept


async def restored(ctx, job, number=0):
    """What the splitter does with a chunk that is lost."""
    (old,) = [chunk for chunk in await ctx.ledger.chunks(job) if chunk.number == number]
    new = dataclasses.replace(old, key=f"{old.key}.again", size=11, sha256="cd")
    await ctx.store.put(new.key, b"0123456789a")
    assert await ctx.ledger.replace(old, new, [a_spec(new, BIG, False)])
    await dispatch.advance(ctx, job)


async def test_the_source_is_split_again_when_a_worker_finds_that_a_chunk_is_lost(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    assert {grant.task[-1] for grant in await offered(ctx)} == {"1", "2"}
    split = await splitting_again(ctx)
    assert "lost" in split.error
    await restored(ctx, job)
    grant = await lease(ctx)
    assert (grant.get_url, grant.get_bytes, grant.get_sha256) == (f"get jobs/{job}/chunks/0.again", 11, "cd")
    assert (grant.attempt, await state(ctx, job)) == (1, JobState.ENCODING)
    await split_done(ctx, split)
    assert (await ctx.ledger.task(split.id)).state is TaskState.DONE


async def test_an_attempt_that_fails_because_its_object_is_lost_is_not_held_against_the_task(ctx):
    job = await encoding(ctx)
    grant = await lease(ctx)
    await lose(ctx, job, int(grant.task[-1]))
    for _ in range(2):
        await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "Status 404."))
    assert (await ctx.ledger.task(grant.task)).attempt == 0
    assert (await ctx.ledger.attempt(grant.lease)).outcome == "cancelled"
    assert await splitting_again(ctx)
    assert await ctx.queue.get(["split.normal"], 0) is None


async def test_who_tells_late_of_a_lost_object_has_nothing_split_once_more(ctx):
    job = await encoding(ctx)
    late = await lease(ctx)
    number = int(late.task[-1])
    await lose(ctx, job, number)
    await ctx.ledger.reopen(f"{job}.split.-.00000", "It was lost from the store.")
    await dispatch.advance(ctx, job)
    split = await splitting_again(ctx)
    await restored(ctx, job, number)
    await split_done(ctx, split)
    await deliver.fail(ctx, "w", late.lease, Failure("retryable", "Status 404."))
    assert (await ctx.ledger.task(split.id)).state is TaskState.DONE
    await later(ctx, 6)
    urls = {grant.task: grant.get_url for grant in await offered(ctx)}
    assert urls[late.task] == f"get jobs/{job}/chunks/{number}.again"


async def test_an_object_that_is_cut_short_is_lost(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    await ctx.store.put(f"jobs/{job}/chunks/0", b"0123")
    await offered(ctx)
    assert await splitting_again(ctx)


async def test_a_store_that_loses_objects_again_and_again_fails_the_job_with_a_sentence(ctx):
    job = await encoding(ctx)
    await lose(ctx, job)
    for _ in range(10):
        await offered(ctx)
        if await state(ctx, job) is JobState.FAILED:
            break
        await split_done(ctx, await splitting_again(ctx))
        await later(ctx, 6)
    failed = await ctx.ledger.job(job)
    assert (failed.state, failed.error_kind) == (JobState.FAILED, "retryable")
    assert "see that nothing else deletes files there" in failed.error
