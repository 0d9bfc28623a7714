"""Jobs whose last chunks are shorter: cut anywhere, they are as exact as others."""

import asyncio
from pathlib import Path

import pytest
from sending import NOISY, Sending, noisy
from watching import FFMPEG, SMALL, decoded, ended, seen, times

from clips.library import CLIPS, base, build
from fallow.client import Client
from fallow.messages import to_wire
from fallow.model import Worker
from fallow.pipeline import tail
from fallow.services.run import Platform
from fallow.settings import Settings
from story.checks import compare
from story.observe import observe


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "SHORTEST", 0.25)  # so that clips of seconds have several
    return Settings(data=tmp_path / "data", port=0, workers=1, ffmpeg=FFMPEG, log="off", taper=1.0)


async def created(platform, client, name, **options):
    """A job for which three machines more are there than work."""
    for number in range(3):
        there = Worker(f"other-{number}", f"other-{number}", {}, False, platform._ctx.clock.now())
        await platform._ctx.ledger.add_worker(there, there.id)
    return (await asyncio.to_thread(client.create, name, [to_wire(SMALL)], options)).id


async def lengths(platform, job):
    """Of its chunks, in frames."""
    return [chunk.frames for chunk in await platform._ctx.ledger.chunks(job)]


async def done(client, job):
    view = await ended(client, job)
    assert (view.state, view.error) == ("done", "")


@pytest.mark.parametrize("name", ["b-pyramid-mkv", "vfr-mp4"])
async def test_every_frame_of_shorter_chunks_comes_through(settings, tmp_path, name):
    source = Path(build([clip for clip in CLIPS if clip.name == name])[name])
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await created(platform, client, source.name, chunk_seconds=1.5)
        await platform.adopt(job, source)
        await done(client, job)
        found = await lengths(platform, job)
        assert found[-2] < found[0] / 2
        result = tmp_path / "result.mp4"
        await platform.export(job, SMALL.name, result)
    assert not compare(observe(source, base() / "truth"), observe(result), "mp4").faults


async def test_what_was_cut_during_the_upload_stays_and_the_rest_is_cut_finer(settings, tmp_path):
    source = noisy(tmp_path, "ts")
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await created(platform, client, source.name, chunk_seconds=1.0)
        with Sending(platform.url, job, source) as sending:
            await asyncio.to_thread(sending.upto, 0.8)
            await seen(client, job, lambda view: view.renditions[0].chunks_done >= 2)
            early = await lengths(platform, job)
            assert set(early) == {25}
            await asyncio.to_thread(sending.end)
        await done(client, job)
        found = await lengths(platform, job)
        assert found[: len(early)] == early
        assert found[-2] < 25
        assert sum(found) == NOISY * 25
        result = tmp_path / "result.mp4"
        await platform.export(job, SMALL.name, result)
    shown = times(result)
    assert decoded(result) == len(shown) == NOISY * 25
    assert [time - shown[0] for time in shown] == pytest.approx([n / 25 for n in range(NOISY * 25)], abs=1e-6)
