"""A disk that runs full in the middle of a job: it waits, goes on when there is room, and loses nothing."""

import asyncio
import os
import subprocess

import pytest
from watching import FFMPEG, SLOW, SMALL, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    """Take all the space that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return path


def settings(disk, **more):
    return Settings(data=disk / "data", port=0, workers=2, ffmpeg=FFMPEG, log="off", space_wait=0.3, **more)


async def submitted(platform, source, *profiles):
    client = Client(platform.url)
    options = {"chunk_seconds": 1.0}
    job = await asyncio.to_thread(client.create, source.name, [to_wire(p) for p in profiles], options)
    await platform.adopt(job.id, source)
    return client, job.id


async def test_a_job_outlives_a_full_disk(small_disk, clip, tmp_path):
    async with Platform(settings(small_disk, attempts=50)) as platform:
        client, job = await submitted(platform, clip, SMALL)
        await seen(client, job, lambda view: view.renditions[0].chunks_done >= 1)
        ballast = fill(small_disk / "ballast")
        await asyncio.sleep(1.5)
        assert not (await asyncio.to_thread(client.job, job)).ended
        os.unlink(ballast)
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        assert times(path) == pytest.approx(times(clip), abs=1e-6)
        assert decoded(path) == len(times(clip))


async def test_a_job_that_never_finds_room_fails_with_a_sentence(small_disk, clip):
    async with Platform(settings(small_disk, attempts=2)) as platform:
        client, job = await submitted(platform, clip, SLOW)
        await seen(client, job, lambda view: view.renditions[0].chunks_total)
        fill(small_disk / "ballast")
        view = await ended(client, job)
        assert (view.state, view.error_kind) == ("failed", "retryable")
        assert "No space is left" in view.error
