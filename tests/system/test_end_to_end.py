"""A clip through the whole platform with real agent processes: the result has every frame at its time."""

import asyncio
import os
from pathlib import Path

import av
import by_hand
import pytest
from watching import FFMPEG, RATE, SECONDS, SMALL, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.errors import Conflict
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings


def settings(path, **more):
    return Settings(
        **{"data": path / "data", "port": 0, "workers": 2, "ffmpeg": FFMPEG, "log": "off", "source_days": 0, **more}
    )


async def submitted(platform, source, profiles, **options):
    client = Client(platform.url, platform.api_token)
    wanted = {"chunk_seconds": 1.0, **options}
    job = await asyncio.to_thread(client.create, source.name, [to_wire(p) for p in profiles], wanted)
    await platform.adopt(job.id, source)
    return client, job.id


def children():
    """Processes that this one started and that still run."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())


@pytest.fixture
def nothing_left():
    """Nothing that a test starts outlives it; servers of other tests may run."""
    before = children()
    yield
    assert children() <= before


async def test_a_clip_becomes_two_renditions_frame_by_exact_frame(tmp_path, clip, nothing_left):
    async with Platform(settings(tmp_path)) as platform:
        client, job = await submitted(platform, clip, [SMALL, TINY])
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        for rendition, width in zip(view.renditions, (160, 96), strict=True):
            assert rendition.frames_done == rendition.frames_total == SECONDS * RATE
            path = tmp_path / f"{rendition.name}.mp4"
            await platform.export(job, rendition.name, path)
            assert times(path) == pytest.approx(times(clip), abs=1e-6)
            assert decoded(path) == SECONDS * RATE
            with av.open(str(path)) as container:
                assert (container.streams.video[0].width, len(container.streams.audio)) == (width, 1)
            downloaded = tmp_path / "downloaded.mp4"
            await asyncio.to_thread(client.download, job, rendition.name, downloaded)
            assert downloaded.read_bytes() == path.read_bytes()
        assert sum(share.tasks for share in view.shares if share.name not in ("splitter", "joiner")) >= 13
        kept = sorted(p.name.split(".")[0] for p in (tmp_path / "data" / "blobs").rglob("*") if p.is_file())
        assert kept == ["small", "tiny"]


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
async def test_other_containers(tmp_path, clip, container):
    async with Platform(settings(tmp_path)) as platform:
        client, job = await submitted(platform, clip, [TINY], container=container)
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out"
        await platform.export(job, "tiny", path)
        found = times(path)
        assert [t - found[0] for t in found] == pytest.approx(times(clip), abs=0.001)


async def test_an_upload_over_http_is_encoded(tmp_path, clip):
    async with Platform(settings(tmp_path, api_token="sesame")) as platform:  # noqa: S106
        client = Client(platform.url, "sesame")
        job = await asyncio.to_thread(client.create, "clip.mp4", [to_wire(TINY)], {"chunk_seconds": 2.0})
        view = await asyncio.to_thread(client.upload, job.id, clip)
        assert view.state == "splitting"
        assert (await ended(client, job.id)).state == "done"


async def test_what_is_no_video_is_refused_with_a_sentence(tmp_path):
    fake = tmp_path / "holiday.mp4"
    fake.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    async with Platform(settings(tmp_path, workers=0)) as platform:
        client, job = await submitted(platform, fake, [TINY])
        view = await ended(client, job)
        assert (view.state, view.error_kind) == ("failed", "rejected")
        assert "playlist" in view.error


async def test_one_process_has_the_data_folder(tmp_path):
    async with Platform(settings(tmp_path, workers=0)):
        with pytest.raises(Conflict, match="Another Fallow"):
            async with Platform(settings(tmp_path, workers=0)):
                pass
    async with Platform(settings(tmp_path, workers=0)):
        pass


async def test_an_agent_that_is_killed_is_replaced_and_no_frame_is_lost(tmp_path, clip, nothing_left):
    async with Platform(settings(tmp_path, lease_seconds=1.0)) as platform:
        client, job = await submitted(platform, clip, [SMALL, TINY])
        await asyncio.sleep(0.4)
        for pid in platform.agent_pids:
            os.kill(pid, 9)
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        assert times(path) == pytest.approx(times(clip), abs=1e-6)


async def test_parts_that_are_broken_or_gone_at_the_join_are_made_again(tmp_path, clip):
    async with Platform(settings(tmp_path)) as platform:
        platform._consumers[1].drain()
        client, job = await submitted(platform, clip, [SMALL])
        await seen(client, job, lambda view: view.state == "joining")
        parts = sorted((tmp_path / "data" / "blobs" / "jobs" / job / "parts" / "small").iterdir())
        parts[1].unlink()
        parts[3].write_bytes(parts[3].read_bytes()[:-1880])
        joiner = asyncio.create_task(by_hand.joiner(platform).run())
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        assert times(path) == pytest.approx(times(clip), abs=1e-6)
        joiner.cancel()


async def test_a_stopped_platform_goes_on_where_it_was(tmp_path, clip):
    before = children()
    async with Platform(settings(tmp_path)) as platform:
        client, job = await submitted(platform, clip, [SMALL, TINY])
        await seen(client, job, lambda view: view.renditions[0].chunks_done >= 2)
    assert children() <= before
    async with Platform(settings(tmp_path)) as platform:
        client = Client(platform.url)
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        assert times(path) == pytest.approx(times(clip), abs=1e-6)


async def test_a_drained_platform_finishes_what_it_has_begun_and_nothing_else(tmp_path, clip):
    async with Platform(settings(tmp_path)) as platform:
        client, job = await submitted(platform, clip, [SMALL])
        await seen(client, job, lambda view: view.tasks_running)
        await platform.drain()
        assert (await asyncio.to_thread(client.job, job)).tasks_running == ()
        assert platform.agent_pids == []
