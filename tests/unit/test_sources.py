"""The source of a finished job: kept for a while, to be seen beside the results."""

import dataclasses
import os

import pytest
from job_steps import encoding, later
from serving import serving

from fallow.messages import to_wire
from fallow.model import JobState
from fallow.pipeline import dispatch, keys, sweep
from fallow.profiles import Profile

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))
SOURCE = os.urandom((5 << 20) // 2)  # more than one piece


async def finished(ctx, job):
    for state in (JobState.ENCODING, JobState.JOINING, JobState.DONE):
        await ctx.ledger.move_job(job, state)
    await dispatch.tidy(ctx, await ctx.ledger.job(job))


async def stored(ctx, job):
    return [facts.key async for facts in ctx.store.list(keys.of_job(job))]


@pytest.mark.parametrize("days", [0, 2])
async def test_the_source_of_a_finished_job_stays_as_long_as_it_is_to_be_compared(ctx, days):
    ctx = dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, source_seconds=days * 86400.0))
    job = await encoding(ctx)
    await finished(ctx, job)
    assert await stored(ctx, job) == ([keys.source(job)] if days else [])
    await later(ctx, 86400.0)
    await sweep.sweep_objects(ctx)
    assert await stored(ctx, job) == ([keys.source(job)] if days else [])
    await later(ctx, 2 * 86400.0)
    await sweep.sweep_objects(ctx)
    assert await stored(ctx, job) == []


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


async def uploaded(caller, name="film.mp4"):
    made = await caller.send("POST", "/api/v1/jobs", {"name": name, "profiles": [PROFILE]})
    path = f"/api/v1/jobs/{made.json['id']}/source"
    assert (await caller.send("PUT", path, SOURCE)).status == 200
    return made.json["id"], path


async def test_a_source_is_sent_whole_and_in_ranges_that_reach_over_its_pieces(caller):
    _, path = await uploaded(caller)
    whole = await caller.get(path)
    assert (whole.status, whole.body == SOURCE, whole.headers["content-type"]) == (200, True, "video/mp4")
    middle = await caller.get(path, Range=f"bytes={(1 << 20) - 5}-{(1 << 20) + 9}")
    assert (middle.status, middle.body) == (206, SOURCE[(1 << 20) - 5 : (1 << 20) + 10])
    assert middle.headers["etag"] == whole.headers["etag"]
    last = await caller.get(path, Range="bytes=-7")
    assert last.body == SOURCE[-7:]
    assert (await caller.send("HEAD", path)).headers["content-length"] == str(len(SOURCE))


async def test_a_source_is_never_taken_for_a_page(caller):
    _, path = await uploaded(caller, "page.html")
    found = await caller.get(path)
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["x-content-type-options"] == "nosniff"


async def test_a_source_that_was_removed_is_named_so(caller):
    job, path = await uploaded(caller)
    await finished(caller.ctx, job)
    gone = await caller.get(path)
    assert (gone.status, "was removed" in gone.json["title"], "FALLOW_SOURCE_DAYS" in gone.json["title"]) == (
        404,
        True,
        True,
    )
