"""Agents of other processors: what they make beside one of this machine is joined, frame by frame."""

import contextlib
import functools
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import pytest
from by_hand import aside, tasks
from watching import FFMPEG, decoded, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from fallow.profiles import Audio, Profile
from fallow.services.run import Platform
from fallow.settings import Settings
from servers.foreign import ARM64, ARMHF, SHARED, Root
from servers.front import encrypted

# Each of its chunks takes an emulated processor about a second.
PLAIN = Profile("plain", width=96, height=54, crf=30.0, preset="ultrafast", audio=Audio("aac", 64))


@contextlib.contextmanager
def agent(command, log, **environment):
    with log.open("wb") as told:
        running = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
    try:
        yield
        running.send_signal(signal.SIGTERM)
        assert running.wait(120) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()


def foreign(root, url, authority, token, folder):
    """The agent as one file, as the gateway serves it; fetched and run as people do."""
    context = ssl.create_default_context(cafile=str(authority))
    with urllib.request.urlopen(f"{url}/fallow-worker.pyz", context=context, timeout=20) as answer:  # noqa: S310
        (folder / "fallow-worker.pyz").write_bytes(answer.read())
    (folder / "authority.pem").write_bytes(authority.read_bytes())
    environment = {"FALLOW_TOKEN": token, "SSL_CERT_FILE": f"{SHARED}/authority.pem", "HOME": SHARED}
    settings = ["--name", root.processor.debian, "--slots", "1", "--threads", "1", "--gate", "off"]
    program = ["/usr/bin/python3", f"{SHARED}/fallow-worker.pyz", url, "--ffmpeg", root.processor.ffmpeg]
    return root.command(folder, *program, *settings, environment=environment)


def native(url):
    return [sys.executable, "-m", "fallow.worker", url, "--name", "native", "--slots", "1", "--ffmpeg", FFMPEG]


@pytest.mark.parametrize("processor", [ARM64, ARMHF], ids=lambda one: one.kernel)
async def test_what_another_processor_makes_beside_this_one_is_joined_exactly(tmp_path, clip, processor):
    root = await aside(Root, processor)
    # A slow one is given the time that it takes: nobody does its work twice.
    settings = Settings(
        data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", hedge=0.0, bundle_seconds=0.0
    )
    front = functools.partial(encrypted, folder=tmp_path)
    async with Platform(settings) as platform, front(urlsplit(platform.url).port) as (url, authority):
        client = Client(platform.url)
        job = (await aside(client.create, clip.name, [to_wire(PLAIN)], Options(chunk_seconds=1.0).asked)).id
        await platform.adopt(job, clip)
        command = await aside(foreign, root, url, authority, platform.join_token, tmp_path)
        with agent(command, tmp_path / "foreign.log"):
            await seen(client, job, lambda view: view.renditions[0].chunks_done, 300)
            with agent(native(platform.url), tmp_path / "native.log", FALLOW_TOKEN=platform.join_token):
                view = await seen(client, job, lambda view: view.ended, 300)
                assert (view.state, view.error) == ("done", "")
        await platform.export(job, PLAIN.name, tmp_path / "out.mp4")
        assert times(tmp_path / "out.mp4") == pytest.approx(times(clip), abs=1e-6)
        assert decoded(tmp_path / "out.mp4") == len(times(clip))
        made = await delivered(client, job)
        assert made.keys() == {processor.debian, "native"}
        assert sum(made.values()) == len(times(clip))
        assert {one["name"]: one["machine"]["arch"] for one in await aside(client.workers)} == {
            processor.debian: processor.kernel,
            "native": os.uname().machine,
        }
        numbers = (await aside(client._call, "GET", "/api/v1/statistics"))["devices"]
        assert {one["arch"]: one["frames"] for one in numbers} == {
            processor.family: made[processor.debian],
            "x86": made["native"],
        }


async def delivered(client, job):
    """Frames that count, by who made them."""
    names = {worker["id"]: worker["name"] for worker in await aside(client.workers)}
    made = {}
    for task in await tasks(client, job):
        for attempt in task["attempts"] if task["kind"] == "video" else []:
            if attempt["outcome"] == "delivered":
                name = names[attempt["worker"]]
                made[name] = made.get(name, 0) + task["frames"]
    return made
