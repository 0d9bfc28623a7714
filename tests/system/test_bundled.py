"""Real agents that hold several leases: what they make at once is exact, and nothing of it is lost with them."""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys

from by_hand import aside, split_done, tasks
from watching import FFMPEG, SMALL, TINY, decoded, ended, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Profile
from fallow.services.run import Platform
from fallow.settings import Settings

MIDDLE = Profile("middle", width=128, height=72, crf=30.0, preset="ultrafast")
LADDER = [SMALL, MIDDLE, TINY]
# Two renditions of a chunk take some seconds.
LONG = [
    Profile("long", width=320, height=180, upscale=True, crf=10.0, preset="veryslow"),
    Profile("longer", width=240, height=134, upscale=True, crf=10.0, preset="veryslow"),
]


@contextlib.asynccontextmanager
async def job_of(tmp_path, clip, *profiles, **more):
    """A job that was split, on a platform without workers of its own."""
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", **more)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        wanted = [to_wire(profile) for profile in profiles]
        job = await aside(client.create, clip.name, wanted, {"chunk_seconds": 1.0})
        await platform.adopt(job.id, clip)
        await split_done(client, job.id)
        yield platform, client, job.id


@contextlib.contextmanager
def process(platform, tmp_path):
    """An agent as a process, and the file that its FFmpeg's commands are written to."""
    told, program = tmp_path / "commands", tmp_path / "ffmpeg"
    told.touch()
    program.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(told))}\nexec {shlex.quote(FFMPEG)} "$@"\n')
    program.chmod(0o755)
    command = [sys.executable, "-m", "fallow.worker", platform.url, "--slots", "1", "--ffmpeg", str(program)]
    environment = {**os.environ, "FALLOW_TOKEN": platform.join_token}
    running = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running, told
    finally:
        running.kill()
        running.wait()


async def checked(platform, job, clip, tmp_path, *profiles):
    """The results, each exact; their packets."""
    packets = {}
    for profile in profiles:
        path = tmp_path / f"{profile.name}.mp4"
        await platform.export(job, profile.name, path)
        assert times(path) == times(clip)
        assert decoded(path) == len(times(clip))
        command = [FFMPEG, "-v", "error", "-i", path, "-map", "0:v", "-c", "copy", "-f", "framehash", "-"]
        packets[profile.name] = (await aside(subprocess.check_output, command)).decode()
    return packets


async def leases(client, job):
    """How the attempts at video tasks went, by task."""
    return {
        f"{task['rendition']} {task['number']}": [attempt["outcome"] for attempt in task["attempts"]]
        for task in await tasks(client, job)
        if task["kind"] == "video"
    }


async def holding(client, job, count):
    """Wait until so many leases are running."""
    for _ in range(3000):
        if sum(outcomes.count("") for outcomes in (await leases(client, job)).values()) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"It does not hold {count} leases.")


async def test_a_ladder_that_is_decoded_once_is_the_same_in_every_packet(tmp_path, clip):
    made = {}
    for name, seconds, most_outputs in (("together", 20.0, 3), ("apart", 0.0, 1)):
        folder = tmp_path / name
        folder.mkdir()
        async with job_of(folder, clip, *LADDER, bundle_seconds=seconds) as (platform, client, job):
            with process(platform, folder) as (_, told):
                view = await ended(client, job)
                assert (view.state, view.error) == ("done", "")
                outputs = [line.count("pipe:") - 1 for line in told.read_text().splitlines() if "0:v:0" in line]
            assert max(outputs) == most_outputs
            assert sum(outputs) == 18  # every task once
            assert set(map(tuple, (await leases(client, job)).values())) == {("delivered",)}
            made[name] = await checked(platform, job, clip, folder, *LADDER)
    assert made["together"] == made["apart"]


async def test_a_killed_worker_loses_nothing_of_what_it_held(tmp_path, clip):
    async with job_of(tmp_path, clip, *LONG, lease_seconds=2.0) as (platform, client, job):
        with process(platform, tmp_path) as (running, _):
            await holding(client, job, 3)
            running.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.5)  # what it has told of already is seen to
            held = [task for task, went in (await leases(client, job)).items() if "" in went]
            running.send_signal(signal.SIGKILL)
            running.wait()
        with process(platform, tmp_path):
            view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        outcomes = await leases(client, job)
        assert {went.count("delivered") for went in outcomes.values()} == {1}
        assert held
        assert [outcomes[task] for task in held] == [["expired", "delivered"]] * len(held)
        await checked(platform, job, clip, tmp_path, *LONG)


async def test_a_worker_that_is_to_stop_gives_back_what_it_has_not_begun(tmp_path, clip):
    """While it finishes what it is at; and that is no failure."""
    async with job_of(tmp_path, clip, *LONG) as (platform, client, job):
        with process(platform, tmp_path) as (running, _):
            await holding(client, job, 3)
            running.send_signal(signal.SIGTERM)
            assert await aside(running.wait) == 0
        outcomes = [outcome for went in (await leases(client, job)).values() for outcome in went]
        # It may have begun all that it had, but nothing is left to run out.
        assert {"delivered"} <= set(outcomes) <= {"cancelled", "delivered"}
        with process(platform, tmp_path):
            view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        await checked(platform, job, clip, tmp_path, *LONG)
