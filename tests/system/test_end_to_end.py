"""A clip through the whole platform with real agent processes: the result has every frame at its time."""

import asyncio
import os
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from fallow.client import Client
from fallow.errors import Conflict
from fallow.messages import to_wire
from fallow.profiles import Audio, Profile
from fallow.services.run import Platform
from fallow.settings import Settings

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SECONDS, RATE = 6, 25
SMALL = Profile("small", width=160, height=90, crf=28.0, preset="ultrafast", audio=Audio("aac", 64))
TINY = Profile("tiny", width=96, height=54, crf=30.0, preset="ultrafast", audio=Audio("aac", 64))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A few seconds of H.264 with open GOPs and B-frames, and sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    inputs = ["-f", "lavfi", "-i", f"testsrc2=s=192x108:r={RATE}:d={SECONDS}"]
    inputs += ["-f", "lavfi", "-i", f"sine=f=440:d={SECONDS}"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-x264-params", "open-gop=1:bframes=2"]
    command = [FFMPEG, "-v", "error", *inputs, *video, "-pix_fmt", "yuv420p", "-c:a", "aac", "-y", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def settings(path, **more):
    return Settings(**{"data": path / "data", "port": 0, "workers": 2, "ffmpeg": FFMPEG, "log": "off", **more})


def times(path):
    """Display times of the video's frames in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(float(p.pts * stream.time_base) for p in container.demux(stream) if p.pts is not None)


def decoded(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


async def submitted(platform, source, profiles, **options):
    client = Client(platform.url, platform.api_token)
    wanted = {"chunk_seconds": 1.0, **options}
    job = await asyncio.to_thread(client.create, source.name, [to_wire(p) for p in profiles], wanted)
    await platform.adopt(job.id, source)
    return client, job.id


async def seen(client, job, condition, seconds=60):
    """The first view of the job of which the condition is true."""
    for _ in range(seconds * 50):
        if condition(view := await asyncio.to_thread(client.job, job)):
            return view
        await asyncio.sleep(0.02)
    raise AssertionError(f"Not in {seconds} s: {view}")


async def ended(client, job):
    return await seen(client, job, lambda view: view.ended)


def children():
    """Processes that this one started and that still run."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


async def test_a_clip_becomes_two_renditions_frame_by_exact_frame(tmp_path, clip):
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
        assert sum(share.tasks for share in view.shares if share.worker not in ("splitter", "joiner")) >= 13
        kept = sorted(p.name.split(".")[0] for p in (tmp_path / "data" / "blobs").rglob("*") if p.is_file())
        assert kept == ["small", "tiny"]
    assert children() == []


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


async def test_an_agent_that_is_killed_is_replaced_and_no_frame_is_lost(tmp_path, clip):
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
    assert children() == []


async def test_a_stopped_platform_goes_on_where_it_was(tmp_path, clip):
    async with Platform(settings(tmp_path)) as platform:
        client, job = await submitted(platform, clip, [SMALL, TINY])
        await seen(client, job, lambda view: view.renditions[0].chunks_done >= 2)
    assert children() == []
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
