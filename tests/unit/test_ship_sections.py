"""Sections of sound in a job's life: stored, lost and stored again, cut early and wrong, delivered and refused."""

import dataclasses
import hashlib
import itertools
import subprocess

import pytest
from job_steps import BIG, a_job, lease
from joining import FFMPEG, ffmpeg

from fallow.errors import BrokenPart, Retryable
from fallow.ffmpeg.commands import arguments
from fallow.messages import Delivery, from_wire, to_wire
from fallow.model import Effort, Source, TaskKind, TaskState, track_of
from fallow.pipeline import deliver, dispatch, keys, split
from fallow.pipeline.arrived import arrived
from fallow.pipeline.drafts import Draft
from fallow.pipeline.join import read_index
from fallow.pipeline.local_task import Hold
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.store_files import Thread

STREAM = {"container": "cmaf", "chunk_seconds": 2.0, "segment_seconds": 1.0}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.ts"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=11"]
    sources += ["-f", "lavfi", "-i", "sine=duration=11:sample_rate=48000"]
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25"]
    ffmpeg(*sources, "-map", "0", "-map", "1", "-map", "1", *video, "-c:a", "aac", path)
    return path.read_bytes()


@pytest.fixture
async def job(ctx, film):
    name = await a_job(ctx, BIG, **STREAM)
    key = (await ctx.ledger.job(name)).source_key
    await ctx.store.delete([key])
    await ctx.store.put(key, film)
    return name


async def splitting(ctx):
    return Hold(await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter"), Thread())


async def splitted(ctx):
    hold = await splitting(ctx)
    part = await split.split(ctx, hold)
    await ctx.ledger.commit(hold.task.lease, part, Effort())
    await dispatch.advance(ctx, hold.task.spec.job)
    return hold


async def sections(ctx, job):
    return [track for track in await ctx.ledger.tracks(job) if track.section is not None]


async def test_each_section_of_each_track_is_stored_with_its_task(ctx, job):
    await splitted(ctx)
    stored = await sections(ctx, job)
    assert [(track.index, track.section) for track in stored] == [(i, n) for n in range(4) for i in range(2)]
    assert await ctx.ledger.tracks(job) == stored  # and no whole one
    tasks = [task for task in await ctx.ledger.tasks(job) if task.spec.kind is TaskKind.AUDIO]
    assert sorted(track_of(task.spec.number) for task in tasks) == list(itertools.product(range(2), range(4)))
    for track in stored:
        data = await ctx.store.read(track.key, 0, track.size + 1)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (track.size, track.sha256)


async def test_a_lost_section_is_cut_again_and_the_others_stay(ctx, job):
    await splitted(ctx)
    before = await sections(ctx, job)
    await ctx.store.delete([before[3].key])
    spec = next(t.spec for t in await ctx.ledger.tasks(job) if t.spec.get_key == before[3].key)
    await dispatch.make_again(ctx, spec)
    await splitted(ctx)
    after = await sections(ctx, job)
    assert [a == b for a, b in zip(before, after, strict=True)] == [n != 3 for n in range(8)]
    assert dataclasses.replace(after[3], key="") == dataclasses.replace(before[3], key="")
    assert after[3].key in {task.spec.get_key for task in await ctx.ledger.tasks(job)}
    assert await ctx.holds(after[3].key, after[3].size)


async def cut_early(ctx, job, **change):
    """The first section of the first track is as if it had been cut while the source came, and is changed."""
    source = (await ctx.ledger.job(job)).source
    came = await arrived(ctx, job)
    draft = Draft(came.size, came.digest(came.size), source, await read_index(ctx, job))
    await ctx.store.put(keys.draft(job, "early"), draft.to_bytes())
    old = (await sections(ctx, job))[0]
    new = dataclasses.replace(old, key=keys.track(job, "audio0-00000", "early", "nut"), **change)
    await ctx.store.put(new.key, b"0" * new.size)
    plan = SplitPlan.of(await ctx.ledger.job(job), source, draft.index)
    assert await ctx.ledger.replace(old, new, plan.track_tasks(new))
    return new


async def test_a_section_cut_early_that_is_the_same_stays(ctx, job):
    await splitted(ctx)
    early = await cut_early(ctx, job)
    await dispatch.make_again(ctx, (await ctx.ledger.tasks(job))[0].spec)
    await splitted(ctx)
    assert (await sections(ctx, job))[0] == early


async def test_a_section_cut_early_that_is_another_drops_all(ctx, job):
    await splitted(ctx)
    early = await cut_early(ctx, job, sha256="00" * 32)
    await dispatch.make_again(ctx, (await ctx.ledger.tasks(job))[0].spec)
    hold = await splitting(ctx)
    with pytest.raises(Retryable, match="cut otherwise"):
        await split.split(ctx, hold)
    assert await sections(ctx, job) == []
    assert not await ctx.holds(early.key, early.size)
    await split.split(ctx, hold)
    assert len(await sections(ctx, job)) == 8
    assert early.sha256 not in {track.sha256 for track in await sections(ctx, job)}


async def test_sound_that_an_older_version_has_probed_is_encoded_as_a_whole(ctx, job):
    await splitted(ctx)
    source = (await ctx.ledger.job(job)).source
    told = to_wire(source)
    for track in told["audio"]:
        del track["steady"]
    old = from_wire(Source, told)
    assert not any(track.steady for track in old.audio)
    plan = SplitPlan.of(await ctx.ledger.job(job), old, await read_index(ctx, job))
    assert plan.sections == {}
    assert plan.wanted_tracks == {(TaskKind.AUDIO, 0), (TaskKind.AUDIO, 1)}


async def made(ctx, grant, recipe=None):
    """What a worker makes of a grant, or what another recipe would give."""
    key = grant.get_url.removeprefix("get ")
    data = await ctx.store.read(key, 0, grant.get_bytes)
    command = [FFMPEG, *arguments(recipe or grant.typed_recipe, 1)]
    part = subprocess.run(command, input=data, capture_output=True, check=True).stdout  # noqa: ASYNC221
    await ctx.store.put(grant.put_url.removeprefix("put "), part)
    return Delivery(len(part), hashlib.sha256(part).hexdigest(), 0)


async def a_section(ctx, number):
    while grant := await lease(ctx):
        if grant.kind is TaskKind.AUDIO and track_of(int(grant.task[-5:])) == (0, number):
            return grant
    raise AssertionError("It is not offered.")


async def test_a_section_as_it_should_be_counts(ctx, job):
    await splitted(ctx)
    grant = await a_section(ctx, 1)
    assert (await deliver.deliver(ctx, "w", grant.lease, await made(ctx, grant))).first
    task = await ctx.ledger.task(grant.task)
    assert (task.state, task.part.frames) == (TaskState.DONE, grant.typed_recipe.section.packets)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda recipe: {"section": None}, "begins at"),  # as an older agent would
        (lambda recipe: {"section": dataclasses.replace(recipe.section, packets=5)}, "holds 5 packets"),
        (lambda recipe: {"section": dataclasses.replace(recipe.section, packets=None)}, "packets instead"),
    ],
    ids=["nothing dropped at the beginning", "too few", "nothing dropped at the end"],
)
async def test_a_section_that_is_none_is_refused(ctx, job, change, words):
    await splitted(ctx)
    grant = await a_section(ctx, 1)
    recipe = grant.typed_recipe
    delivery = await made(ctx, grant, dataclasses.replace(recipe, **change(recipe)))
    with pytest.raises(BrokenPart, match=words):
        await deliver.deliver(ctx, "w", grant.lease, delivery)
    assert (await ctx.ledger.task(grant.task)).state is TaskState.PLANNED
