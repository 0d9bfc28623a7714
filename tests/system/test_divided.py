"""A slow agent beside a quick one: it gets a piece of a chunk, and the film is whole."""

import contextlib
import dataclasses
import json
import subprocess
from collections import Counter

import pytest
from by_hand import MEANS, aside, tasks, working
from watching import FFMPEG, ended, seen

from clips.picture import frames
from fallow.client import Client
from fallow.messages import Registration, to_wire
from fallow.model import TaskKind
from fallow.pipeline.job_options import Options
from fallow.profiles import Audio, Profile
from fallow.services.run import Platform
from fallow.settings import Settings
from fallow.worker.agent import Agent
from fallow.worker.calibration import Calibration
from fallow.worker.source import GatewaySource
from story.observe import observe

CHUNKS, LENGTH, RATE, WIDTH, HEIGHT = 3, 200, 25, 128, 96
FRAMES = CHUNKS * LENGTH
PROFILE = Profile("marked", width=WIDTH, height=HEIGHT, crf=20.0, preset="ultrafast", audio=Audio("none"))
SLOWLY = 4  # times as fast as it is played


@pytest.fixture
def film(tmp_path):
    """Chunks of numbered pictures, each with one key frame."""
    path = tmp_path / "film.mp4"
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "pipe:0"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(LENGTH), "-bf", "2", "-y", str(path)]
    subprocess.run([FFMPEG, "-v", "error", *raw, *coded], check=True, input=b"".join(frames(WIDTH, HEIGHT, FRAMES)))
    return path


@contextlib.asynccontextmanager
async def agent(platform, folder, name, speed, before):
    """A real one, which knows how fast it is by an earlier trial."""
    binary = folder / name
    binary.write_text(f"#!/bin/sh\n{before}\n")
    binary.chmod(0o755)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({f"v {binary} 1": {"libx264 ultrafast 240p": speed}}))
    calibration = Calibration(str(binary), "v", 1, 0, (), path)
    means = dataclasses.replace(MEANS, binary=str(binary), slots=1, calibration=calibration)
    worker = Agent(GatewaySource(platform.url, platform.join_token), Registration(name), means)
    async with working(worker):
        yield worker


async def divided(platform, job):
    """The first chunk that is more than one task, when there is one."""
    for _ in range(1500):
        for number in range(CHUNKS):
            found = await platform._ctx.ledger.pieces(job, PROFILE.name, number)
            if found and len(found[1]) > 1:
                return number
        await platform._ctx.clock.sleep(0.02)
    raise AssertionError("No chunk was divided.")


async def test_a_slow_agent_gets_a_piece_and_every_frame_is_there_once(tmp_path, film):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", divide_seconds=0.5)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        options = Options(chunk_seconds=LENGTH / RATE).asked
        job = await aside(client.create, film.name, [to_wire(PROFILE)], options)
        await platform.adopt(job.id, film)
        go = tmp_path / "go"
        waits = f'while [ ! -e "{go}" ]; do sleep 0.05; done; exec {FFMPEG} "$@"'
        # It may hold a second chunk, as it thinks that it is nearly done with the first.
        async with agent(platform, tmp_path, "quick", 100.0, waits):
            await seen(client, job.id, lambda view: any(task.kind == "video" for task in view.tasks_running))
            speed = WIDTH * HEIGHT * RATE * SLOWLY / 1e6
            async with agent(platform, tmp_path, "slow", speed, f'exec {FFMPEG} -readrate {SLOWLY} "$@"'):
                try:
                    number = await divided(platform, job.id)
                finally:
                    go.touch()
                view = await ended(client, job.id)
        assert (view.state, view.error) == ("done", "")
        made = await aside(client._call, "GET", f"/api/v1/jobs/{job.id}/chunks/{PROFILE.name}/{number}")
        assert (made["state"], made["frames"]) == ("done", LENGTH)
        assert {"slow", "quick"} >= {a["worker_name"] for a in made["attempts"]} >= {"slow"}
        shown = await aside(client._call, "GET", f"/api/v1/jobs/{job.id}/map")
        assert (shown["chunks"], shown["cells"]) == (CHUNKS, {PROFILE.name: "d" * CHUNKS})
        done = [task for task in await tasks(client, job.id) if task["kind"] == TaskKind.VIDEO.value]
        frames_of = Counter[int]()
        for task in done:
            frames_of[task["number"]] += task["frames"]
        assert frames_of == dict.fromkeys(range(CHUNKS), LENGTH)
        assert min(task["frames"] for task in done if task["number"] == number) == 75
        await platform.export(job.id, PROFILE.name, tmp_path / "out.mp4")
    source, result = observe(film), observe(tmp_path / "out.mp4")
    assert [one.number for one in result.shown] == [one.number for one in source.shown] == list(range(FRAMES))
    assert [one.time for one in result.shown] == [one.time for one in source.shown]
