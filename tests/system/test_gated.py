"""A device that may not work for a while: its FFmpeg stands still and goes on, and the result is exact."""

import contextlib
import dataclasses
import functools
import os
import subprocess
import sys

from by_hand import aside, tasks
from running import family, state, until
from test_bundled import checked
from test_fair_and_hedged import submitted
from watching import FFMPEG, LARGE, ended, seen

from devices import Device
from fallow.client import Client
from fallow.services.run import Platform
from fallow.settings import Settings

MIDDLE = dataclasses.replace(LARGE, width=640, height=360)  # seconds of work, in one piece

WHY = "The device runs on its battery."


@contextlib.contextmanager
def working(platform, device):
    command = [sys.executable, "-m", "fallow.worker", platform.url, "--slots", "1", "--ffmpeg", FFMPEG]
    rules = ["--gate", "server", "--charging", "yes", "--root", str(device.root)]
    told = {"FALLOW_TOKEN": platform.join_token, "FALLOW_WORKER_FOLDER": str(device.root / "agent")}
    running = subprocess.Popen([*command, *rules], env={**os.environ, **told}, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def encoders(agent):
    """Its FFmpegs: what is started beside is a shell."""
    return {pid for pid in family(agent.pid) if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(FFMPEG)}


async def test_a_device_that_is_unplugged_stands_still_says_why_and_goes_on_exactly(tmp_path, clip):
    device = Device(tmp_path / "device")
    device.plug_in()
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", renew_seconds=0.3)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await submitted(platform, client, clip, MIDDLE, chunk_seconds=6.0)
        with working(platform, device) as agent:
            await seen(client, job, lambda view: view.renditions[0].frames_done)
            device.unplug()
            await aside(functools.partial(until, lambda: [state(pid) for pid in encoders(agent)] == ["T"]))
            told = await aside(functools.partial(paused, client))
            assert told["reason"] == "The device runs on its battery."
            device.plug_in()
            assert (await ended(client, job)).state == "done"
            assert {a["outcome"] for task in await tasks(client, job) for a in task["attempts"]} == {"delivered"}
        await checked(platform, job, clip, tmp_path, MIDDLE)


def paused(client):
    """The only worker, once that is known to pause."""
    until(lambda: client.workers()[0]["state"] == "paused")
    return client.workers()[0]
