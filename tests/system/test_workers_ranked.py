"""Workers that are drained and sent home in the middle of a job: real agents, and what becomes of the job."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from by_hand import aside
from watching import PACED, SLOW, SMALL, decoded, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.services.run import Platform
from fallow.settings import Settings


def settings(tmp_path, workers):
    return Settings(data=tmp_path / "data", port=0, workers=workers, ffmpeg=PACED, log="off", attempts=50)


async def submitted(platform, client, clip, *profiles):
    job = await aside(client.create, clip.name, [to_wire(profile) for profile in profiles], {"chunk_seconds": 1.0})
    await platform.adopt(job.id, clip)
    return job.id


async def ranked(client, worker, standing):
    return await aside(client._call, "PATCH", f"/api/v1/workers/{worker}", {"standing": standing})


async def worker_seen(client, condition, seconds=240):
    """The first worker of which that is true."""
    for _ in range(seconds * 20):
        for view in await aside(client.workers):
            if condition(view):
                return view
        await asyncio.sleep(0.05)
    raise AssertionError(f"Not in {seconds} s: {await aside(client.workers)}")


def joined(platform, name):
    """A real agent as a process."""
    command = [sys.executable, "-m", "fallow.worker", platform.url, "--token", platform.join_token, "--name", name]
    return subprocess.Popen([*command, "--slots", "1", "--ffmpeg", PACED], stderr=subprocess.PIPE, text=True)


@pytest.fixture
def processes():
    found = []
    yield found
    for process in found:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def exact(platform, client, clip, job, tmp_path, *profiles):
    view = await seen(client, job, lambda view: view.ended, 240)
    assert (view.state, view.error) == ("done", "")
    for profile in profiles:
        path = tmp_path / f"{profile.name}.mp4"
        await platform.export(job, profile.name, path)
        assert decoded(path) == len(times(clip))


async def test_an_agent_that_is_sent_home_stops_and_others_do_its_work(tmp_path, clip, processes):
    async with Platform(settings(tmp_path, 0)) as platform:
        client = Client(platform.url)
        processes.append(joined(platform, "stranger"))
        job = await submitted(platform, client, clip, SLOW)
        working = await worker_seen(client, lambda view: view["state"] == "working")
        told = await ranked(client, working["id"], "banned")
        assert (told["state"], told["leases"], told["name"]) == ("banned", 0, "stranger")
        assert await aside(processes[0].wait, 240) == 3
        assert "sent the worker stranger home" in await aside(processes[0].stderr.read)
        processes.append(joined(platform, "friend"))
        await exact(platform, client, clip, job, tmp_path, SLOW)
        await worker_seen(client, lambda view: view["name"] == "friend" and view["trust"] == 1.0)
        await worker_seen(client, lambda view: view["state"] == "banned" and not view["failed"])


async def test_an_agent_that_drains_finishes_what_it_has_and_works_again_later(tmp_path, clip, processes):
    async with Platform(settings(tmp_path, 0)) as platform:
        client = Client(platform.url)
        processes.append(joined(platform, "phone"))
        job = await submitted(platform, client, clip, SMALL, SLOW)
        working = await worker_seen(client, lambda view: view["state"] == "working")
        await ranked(client, working["id"], "draining")
        # What was done is counted now and then.
        still = await worker_seen(client, lambda view: not view["leases"] and view["tasks"])
        assert (still["state"], still["failed"]) == ("draining", 0)
        view = await aside(client.job, job)
        assert not view.ended
        await ranked(client, working["id"], "active")
        await exact(platform, client, clip, job, tmp_path, SMALL, SLOW)
        assert processes[0].poll() is None
        (phone,) = await aside(client.workers)
        assert (phone["failed"], phone["trust"], phone["standing"]) == (0, 1.0, "active")


async def test_a_local_agent_that_is_sent_home_comes_back_when_it_may(tmp_path, clip):
    async with Platform(settings(tmp_path, 2)) as platform:
        client = Client(platform.url)
        job = await submitted(platform, client, clip, SLOW)
        working = await worker_seen(client, lambda view: view["state"] == "working")
        await ranked(client, working["id"], "banned")
        for _ in range(4800):
            if len(platform.agent_pids) == 1:
                break
            await asyncio.sleep(0.05)
        assert len(platform.agent_pids) == 1
        await exact(platform, client, clip, job, tmp_path, SLOW)
        await ranked(client, working["id"], "active")
        again = await submitted(platform, client, clip, SMALL, SLOW)
        await worker_seen(client, lambda view: view["id"] == working["id"] and view["state"] == "working")
        await seen(client, again, lambda view: view.ended, 240)
        assert len(await aside(client.workers)) == 2


async def test_a_platform_stops_while_a_local_agent_is_sent_home(tmp_path, clip):
    async with Platform(settings(tmp_path, 1)) as platform:
        client = Client(platform.url)
        idle = await worker_seen(client, lambda view: view["state"] == "idle")
        await ranked(client, idle["id"], "banned")
        for _ in range(4800):
            if not platform.agent_pids:
                break
            await asyncio.sleep(0.05)
        assert platform.agent_pids == []
        await platform.drain()
