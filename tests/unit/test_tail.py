"""Whose last chunks are shorter, and how short."""

import dataclasses
from fractions import Fraction

import pytest
from job_steps import BIG, INDEX, SOURCE, splitting

from fallow.model import Worker
from fallow.pipeline.job_options import Options
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.tail import SHORTEST, taper, tapered
from fallow.profiles import Profile


@pytest.fixture
async def plan(ctx):
    job, _ = await splitting(ctx)
    return SplitPlan.of(await ctx.ledger.job(job), SOURCE, INDEX)


async def come(ctx, count, local=False, seen=None):
    for number in range(count):
        name = f"{local}-{number}"
        there = ctx.clock.now() if seen is None else seen
        await ctx.ledger.add_worker(Worker(name, name, {}, local, there), name)


async def test_what_is_left_is_divided_by_thrice_the_workers(ctx, plan):
    await come(ctx, 4)
    assert await taper(ctx, plan) == tapered(12, plan.options, plan.profiles)


async def test_unfinished_jobs_share_the_workers(ctx, plan):
    await splitting(ctx)
    await come(ctx, 4)
    assert (await taper(ctx, plan)).share == 1 / 6


async def test_nobody_waits_for_himself(ctx, plan):
    assert await taper(ctx, plan) is None
    await come(ctx, 1)
    assert await taper(ctx, plan) is None


async def test_only_workers_of_other_machines_that_are_there_count(ctx, plan):
    await come(ctx, 4, local=True)
    await come(ctx, 4, seen=ctx.clock.now() - 100)
    assert await taper(ctx, plan) is None


async def test_it_can_be_switched_off(ctx, plan):
    await come(ctx, 4)
    ctx = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, taper=0.0))
    assert await taper(ctx, plan) is None


def test_no_chunk_is_shorter_than_its_profiles_allow():
    assert tapered(10, Options(), [BIG]).least == SHORTEST
    steady = Profile("steady", width=160, height=90, bitrate_kbps=100)
    assert tapered(10, Options(), [BIG, steady]).least == 10
    slow = Profile("slow", width=160, height=90, fps=Fraction(1))
    assert tapered(10, Options(), [slow]).least == 4


def test_chunks_of_streams_stay_whole_segments():
    assert tapered(10, Options(), [BIG]).step == 0
    assert tapered(10, Options("hls", segment_seconds=3.0), [BIG]).step == 3
