"""Results of many files that grow while parts are delivered: what players are told at every moment."""

import asyncio
import dataclasses
import hashlib
import itertools
import re

import av
import pytest
from growing import delivered, the_join
from job_steps import BIG, FRAMES, SMALL, encoding, later, ship, split_done, splitting, state

from fallow.errors import NotFound
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline import keys, local_task, package, submit, sweep
from fallow.pipeline.context import Policy
from fallow.pipeline.playing import Playing
from fallow.pipeline.setback import GiveWay
from fallow.pipeline.store_files import Thread

pytestmark = pytest.mark.usefixtures("still")
INDEX, MASTER = "video/big/index.m3u8", "master.m3u8"


def streaming(ctx, **more):
    return encoding(ctx, BIG, container="hls", segment_seconds=1.0, chunk_seconds=1.0, **more)


async def told(ctx, job, name=INDEX):
    """What a player gets; nothing at first."""
    try:
        found = await Playing(ctx).find(job, name)
    except NotFound:
        return ""
    if not isinstance(found, bytes):
        found = await ctx.store.read(found.key, 0, found.size)
    return found.decode()


def segments(text):
    return re.findall(r"^[^#].*$", text, re.MULTILINE)


async def grown(ctx, job, count):
    """Returns when the playlist has so many segments."""
    for _ in range(1000):
        if len(segments(text := await told(ctx, job))) == count:
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(f"It does not grow to {count}: {text}")


async def folder(ctx, job, place):
    """The files of a result, as they are downloaded."""
    for file in await ctx.ledger.files(job):
        data = await ctx.store.read(file.key, 0, file.size)
        assert hashlib.sha256(data).hexdigest() == file.sha256
        path = place / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return place


def pictures(path):
    """The decoded frames."""
    with av.open(str(path)) as opened:
        return [hashlib.sha256(bytes(frame.planes[0])).digest() for frame in opened.decode(video=0)]


def wanted(parts, tmp_path):
    found = []
    for number, part in enumerate(parts):
        (tmp_path / f"{number}.ts").write_bytes(part)
        found += pictures(tmp_path / f"{number}.ts")
    return found


async def exact(ctx, job, parts, tmp_path):
    assert await state(ctx, job) is JobState.DONE
    text = (await folder(ctx, job, tmp_path / "result") / INDEX).read_text()
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert text.rstrip().endswith("#EXT-X-ENDLIST")
    assert pictures(tmp_path / "result" / INDEX) == wanted(parts, tmp_path)
    (rendition,) = (await ctx.ledger.job(job)).renditions
    assert (rendition.result.frames, rendition.facts["frames"], rendition.facts["segments"]) == (FRAMES, FRAMES, 3)
    # Nothing else is left.
    files = {file.key for file in await ctx.ledger.files(job)}
    assert {facts.key async for facts in ctx.store.list("")} == files


async def test_a_playlist_grows_with_every_chunk_and_is_only_ever_extended(ctx, parts, tmp_path, joining):
    job = await streaming(ctx)
    assert (await told(ctx, job), await told(ctx, job, MASTER)) == ("", "")
    texts = []
    for number in range(3):
        await delivered(ctx, parts, number)
        if number == 0:
            _, running = await joining(ctx)
        if number < 2:
            texts.append(await grown(ctx, job, number + 1))
    await running
    for text in texts:
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in text
        assert "#EXT-X-ENDLIST" not in text
    texts.append((await told(ctx, job)).replace("TYPE:VOD", "TYPE:EVENT"))
    for before, after in itertools.pairwise(texts):
        assert after.startswith(before.rstrip())
    assert (await told(ctx, job, MASTER)).startswith("#EXTM3U")
    await exact(ctx, job, parts, tmp_path)


async def test_what_players_are_told_of_is_there(ctx, parts, joining):
    job = await streaming(ctx)
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    text = await grown(ctx, job, 1)
    names = [f"video/big/{name}" for name in [*segments(text), *re.findall(r'URI="([^"]+)"', text)]]
    assert len(names) == 2
    for name in names:
        file = await Playing(ctx).find(job, name)
        assert len(await ctx.store.read(file.key, 0, file.size + 1)) == file.size
    ctx.draining.set()
    await running


async def test_a_joiner_that_dies_takes_no_more_than_its_step_with_it(ctx, parts, tmp_path, joining, monkeypatch):
    job = await streaming(ctx)
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    await grown(ctx, job, 1)
    # It dies while it writes what is to be told of the next chunk.
    files = {file.key for file in await ctx.ledger.files(job)}
    reached = asyncio.Event()

    async def never(*_):
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(ctx.ledger, "add_package", never)
        await delivered(ctx, parts, 1)
        await asyncio.wait_for(reached.wait(), 10)
        running.cancel()
        await asyncio.wait([running])
    assert len(segments(await told(ctx, job))) == 1
    await delivered(ctx, parts, 2)
    await later(ctx, 2)
    _, again = await joining(ctx)
    await again
    await exact(ctx, job, parts, tmp_path)
    assert files < {file.key for file in await ctx.ledger.files(job)}


async def test_a_joiner_that_was_overtaken_adds_nothing(ctx, parts, tmp_path, joining):
    """It believes that it has its lease, while another has gone on."""
    job = await streaming(ctx)
    for number in range(3):
        await delivered(ctx, parts, number)
    task = await the_join(ctx)
    lost = local_task.Hold(dataclasses.replace(task, lease="lost"), Thread())
    works = [local_task.carry_out(ctx, task, package.join_or_package), package.package(ctx, lost)]
    ends = await asyncio.gather(*works, return_exceptions=True)
    while await state(ctx, job) is not JobState.DONE:
        await later(ctx, 5)
        await local_task.carry_out(ctx, await the_join(ctx), package.join_or_package)
    assert isinstance(ends[1], GiveWay) or ends[1].frames == FRAMES
    await exact(ctx, job, parts, tmp_path)


async def test_a_job_that_ends_early_leaves_what_plays(ctx, parts, tmp_path, joining):
    quick = dataclasses.replace(ctx, policy=Policy(renew_seconds=0.0))
    job = await streaming(quick)
    for number in range(2):
        await delivered(quick, parts, number)
    _, running = await joining(quick)
    await grown(ctx, job, 2)
    await submit.cancel(quick, job)
    await running
    await sweep.sweep_objects(ctx)
    text = await told(ctx, job)
    assert text.rstrip().endswith("#EXT-X-ENDLIST")
    assert len(segments(text)) == 2
    place = await folder(ctx, job, tmp_path / "left")
    for name in (INDEX, MASTER):
        (place / name).write_text(await told(ctx, job, name))
    assert pictures(place / INDEX) == wanted(parts, tmp_path)[:50]
    # It can be gone on with, from there.
    files = {file.key for file in await ctx.ledger.files(job)}
    await submit.retry(ctx, job)
    assert "#EXT-X-ENDLIST" not in await told(ctx, job)
    await delivered(ctx, parts, 2)
    _, again = await joining(ctx)
    await again
    await exact(ctx, job, parts, tmp_path)
    assert files < {file.key for file in await ctx.ledger.files(job)}


async def test_a_part_that_is_found_broken_is_made_again_while_what_is_there_plays(ctx, parts, tmp_path, joining):
    job = await streaming(ctx)
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    await grown(ctx, job, 1)
    await delivered(ctx, parts, 1, spoilt=b"x" * len(parts[1]))
    await running
    tasks = await ctx.ledger.tasks(job, [TaskKind.VIDEO])
    assert [task.state for task in tasks].count(TaskState.DONE) == 1
    assert len(segments(await told(ctx, job))) == 1
    for number in (1, 2):
        await later(ctx, 5)
        await delivered(ctx, parts, number)
    await later(ctx, 60)
    _, again = await joining(ctx)
    await again
    await exact(ctx, job, parts, tmp_path)


async def test_a_stream_that_gave_its_place_away_comes_back_with_its_next_chunk(ctx, parts, tmp_path, joining):
    hasty = dataclasses.replace(ctx, policy=Policy(join_wait=0.0))
    job = await streaming(hasty)
    for number in range(3):
        await delivered(hasty, parts, number)
        await sweep.sweep(hasty)
        _, running = await joining(hasty)
        await hasty.queue.publish("join.low", b"another join")
        await running
        await hasty.queue.get(["join.low"], 0)
        assert number == 2 or len(segments(await told(ctx, job))) == number + 1
    await exact(ctx, job, parts, tmp_path)


async def test_a_chunk_counts_when_all_renditions_have_it(ctx, parts, joining):
    job, split = await splitting(ctx, BIG, SMALL, container="hls", segment_seconds=1.0, chunk_seconds=1.0)
    await ship(ctx, job, 0)
    await split_done(ctx, split)
    await delivered(ctx, parts, 0)
    assert await the_join(ctx) is None
    await delivered(ctx, parts, 0)
    _, running = await joining(ctx)
    assert len(segments(await grown(ctx, job, 1))) == 1
    assert await told(ctx, job, "video/small/index.m3u8") == await told(ctx, job)
    ctx.draining.set()
    await running


async def test_a_forgotten_stream_leaves_nothing(ctx, parts, joining):
    job = await streaming(ctx)
    for number in range(3):
        await delivered(ctx, parts, number)
    _, running = await joining(ctx)
    await running
    await submit.forget(ctx, job)
    assert [facts.key async for facts in ctx.store.list(keys.of_job(job))] == []
    with pytest.raises(NotFound):
        await Playing(ctx).find(job, MASTER)
