"""What workers deliver: looked at, and counted once."""

import dataclasses
from fractions import Fraction

import job_steps
import pytest
from job_steps import CHUNK, encoding, later, lease, upload, work

from fallow.adapters.ledger_leases import Leases
from fallow.errors import (
    BrokenPart,
    Conflict,
    Forbidden,
    Misfit,
)
from fallow.messages import Delivery, Failure, LeaseRequest, Renewal
from fallow.model import Effort, JobState, TaskState, Worker
from fallow.pipeline import bundle, deliver, dispatch, granted, misfits, submit


async def test_two_deliveries_of_one_task_count_once_in_either_order(ctx):
    job = await encoding(ctx)
    slow = await lease(ctx, "slow")
    uploaded = await upload(ctx, slow)
    await later(ctx)
    quick = next(g for g in [await lease(ctx, "quick") for _ in range(3)] if g.task == slow.task)
    assert (await deliver.deliver(ctx, "quick", quick.lease, await upload(ctx, quick))).first
    assert not (await deliver.deliver(ctx, "slow", slow.lease, uploaded)).first
    part = (await ctx.ledger.task(slow.task)).part
    assert part.key == quick.put_url.removeprefix("put ")
    assert [f.key async for f in ctx.store.list(f"jobs/{job}/parts/")] == [part.key]


async def test_a_late_delivery_counts_when_nobody_else_was_first(ctx):
    await encoding(ctx)
    slow = await lease(ctx)
    uploaded = await upload(ctx, slow)
    await later(ctx)
    assert (await deliver.deliver(ctx, "w", slow.lease, uploaded)).first


async def test_a_delivery_that_is_told_again_counts_once_and_keeps_its_part(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    uploaded = await upload(ctx, grant)
    assert (await deliver.deliver(ctx, "w", grant.lease, uploaded)).first
    assert not (await deliver.deliver(ctx, "w", grant.lease, uploaded)).first
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is not None


async def test_a_late_delivery_after_the_job_is_done_is_only_late_though_its_part_is_not_tidied_away_yet(ctx):
    job = await encoding(ctx)
    slow = await lease(ctx, "slow")
    uploaded = await upload(ctx, slow)
    await later(ctx)
    quick = next(g for g in [await lease(ctx, "quick") for _ in range(3)] if g.task == slow.task)
    assert (await deliver.deliver(ctx, "quick", quick.lease, await upload(ctx, quick))).first
    await ctx.ledger.move_job(job, JobState.JOINING)
    await ctx.ledger.move_job(job, JobState.DONE)
    assert not (await deliver.deliver(ctx, "slow", slow.lease, uploaded)).first
    assert await ctx.store.stat(slow.put_url.removeprefix("put ")) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size": 1}, "bytes"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
async def test_parts_that_are_not_what_was_announced_are_refused(ctx, change, word):
    await encoding(ctx)
    grant = await lease(ctx)
    delivery = dataclasses.replace(await upload(ctx, grant), **change)
    with pytest.raises(BrokenPart, match=word):
        await deliver.deliver(ctx, "w", grant.lease, delivery)
    task = await ctx.ledger.task(grant.task)
    assert (task.state, word in task.error) == (TaskState.PLANNED, True)
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is None


async def test_a_part_that_was_never_uploaded_is_refused(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    with pytest.raises(BrokenPart, match="not uploaded"):
        await deliver.deliver(ctx, "w", grant.lease, Delivery(1, "", CHUNK))


async def test_a_build_whose_parts_do_not_fit_gets_no_more_of_that_rendition_while_others_may_do_it(ctx):
    def worker(name, build):
        return Worker(name, name, {"ffmpeg": "7.1", "ffmpeg_build": build})

    async def leased(one):
        return await bundle.lease(ctx, one, LeaseRequest(0.0), dispatch.claim)

    good, bad, twin = worker("good", "aa"), worker("bad", "bb"), worker("twin", "bb")
    await encoding(ctx)
    grant = await leased(good)
    await deliver.deliver(ctx, "good", grant.lease, await upload(ctx, grant))
    grant = await leased(bad)
    delivery = await upload(ctx, grant, headers="other")
    effort = Effort(encoder=misfits.build_of(bad.machine))
    with pytest.raises(Misfit):
        await deliver.deliver(ctx, "bad", grant.lease, dataclasses.replace(delivery, effort=effort))
    refused = await ctx.ledger.task(grant.task)
    for _ in range(3):
        await later(ctx)
        assert await leased(twin) is None
    assert (await ctx.ledger.task(grant.task)).attempt == refused.attempt  # what is passed on is not counted
    other = dataclasses.replace(refused, spec=dataclasses.replace(refused.spec, rendition="small"))
    assert not ctx.misfits.bar(twin, other, ctx.clock.now())
    await later(ctx)
    grant = await leased(good)
    assert (await deliver.deliver(ctx, "good", grant.lease, await upload(ctx, grant))).first
    await later(ctx, misfits.PATIENCE)  # nobody else is there any more, it seems
    assert await leased(twin)


async def test_a_part_with_other_headers_is_refused(ctx):
    await encoding(ctx)
    await work(ctx)
    with pytest.raises(BrokenPart, match="other codec parameters"):
        await work(ctx, headers="other")


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"begin": "12"}, "of another chunk"),
        ({"begin": "9"}, "of another chunk"),
        ({"width": 320, "height": 180}, "of another rendition"),
    ],
)
async def test_a_part_that_belongs_elsewhere_is_refused(ctx, other, word):
    await encoding(ctx)
    with pytest.raises(BrokenPart, match=word):
        await work(ctx, **other)


async def test_a_part_needs_its_key_frames(ctx, monkeypatch):
    plain = job_steps.a_spec

    def with_keys(*about):
        spec = plain(*about)
        return dataclasses.replace(spec, recipe={**spec.recipe, "keys": [10, 20]})

    monkeypatch.setattr(job_steps, "a_spec", with_keys)
    await encoding(ctx)
    with pytest.raises(BrokenPart, match="no key frame at frame 20"):
        await work(ctx, keys=[0, 10, 15])
    _, receipt = await work(ctx, keys=[0, 10, 15, 20])
    assert receipt.first


async def test_a_part_may_begin_where_mpeg_ts_counts_anew(ctx):
    await encoding(ctx)
    _, receipt = await work(ctx, begin=str(10 - Fraction(1 << 33, 90000)))
    assert receipt.first


async def test_a_part_that_counts_stays_when_its_worker_calls_it_a_failure(ctx):
    await encoding(ctx)
    grant, _ = await work(ctx)
    await deliver.fail(ctx, "w", grant.lease, Failure("retryable", "I changed my mind."))
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is not None


async def test_the_first_delivery_after_the_job_has_ended_is_refused(ctx):
    job = await encoding(ctx)
    grant = await lease(ctx)
    uploaded = await upload(ctx, grant)
    await submit.cancel(ctx, job)
    assert (await dispatch.renew(ctx, grant.lease, Renewal(1, 1.0))).stop
    with pytest.raises(Conflict):
        await deliver.deliver(ctx, "w", grant.lease, uploaded)
    assert await ctx.store.stat(grant.put_url.removeprefix("put ")) is None


async def test_nobody_delivers_for_another(ctx):
    await encoding(ctx)
    grant = await lease(ctx)
    for call in (
        deliver.deliver(ctx, "other", grant.lease, Delivery(1, "", 1)),
        deliver.fail(ctx, "other", grant.lease, Failure("retryable", "x")),
    ):
        with pytest.raises(Forbidden):
            await call


async def test_any_gateway_takes_a_delivery_and_the_one_of_its_lease_asks_nobody_what_it_was(ctx, monkeypatch):
    await encoding(ctx)
    here, there = await lease(ctx), await lease(ctx)
    other = dataclasses.replace(ctx, granted=granted.Granted())
    uploaded = await upload(ctx, there)
    assert (await deliver.deliver(other, "w", there.lease, uploaded)).first
    assert not (await deliver.deliver(ctx, "w", there.lease, uploaded)).first
    monkeypatch.delattr(Leases, "held")
    assert (await deliver.deliver(ctx, "w", here.lease, await upload(ctx, here))).first


async def test_of_many_leases_the_latest_are_remembered(ctx, monkeypatch):
    monkeypatch.setattr(granted, "MOST", 1)
    await encoding(ctx)
    first, second = await lease(ctx), await lease(ctx)
    assert ctx.granted.take(first.lease) is None
    assert ctx.granted.take(second.lease)[0].id == second.task
    assert ctx.granted.take(second.lease) is None
