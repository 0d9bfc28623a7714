"""Real agents of unequal speed: the slowest attempts are begun once more, and a clip is not behind a film."""

import contextlib
import dataclasses

import pytest
from by_hand import MEANS, aside, tasks, working
from watching import FFMPEG, SMALL, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import Registration, to_wire
from fallow.services.run import Platform
from fallow.settings import Settings
from fallow.worker.agent import Agent
from fallow.worker.source import GatewaySource


@pytest.fixture
def slowed(tmp_path):
    """An FFmpeg that does something else before it encodes a video."""

    def make(name, instead):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\ncase "$*" in *-filter:v*) {instead};; esac\nexec {FFMPEG} "$@"\n')
        path.chmod(0o755)
        return str(path)

    return make


@contextlib.asynccontextmanager
async def agent(platform, name, binary=FFMPEG):
    means = dataclasses.replace(MEANS, binary=binary)
    worker = Agent(GatewaySource(platform.url, platform.join_token), Registration(name), means)
    async with working(worker):
        yield worker


async def submitted(platform, client, clip, *profiles, **options):
    job = await aside(client.create, clip.name, [to_wire(profile) for profile in profiles], options)
    await platform.adopt(job.id, clip)
    return job.id


async def test_a_straggler_gets_a_rival_and_stops_when_that_has_delivered(tmp_path, clip, slowed):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", lease_seconds=1.5)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await submitted(platform, client, clip, SMALL, chunk_seconds=1.0)
        async with agent(platform, "stands still", slowed("still", "exec sleep 600")):
            await seen(client, job, lambda view: any(task.kind == "video" for task in view.tasks_running))
            async with agent(platform, "quick"):
                view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        found = await tasks(client, job)
        names = {worker.id: worker.name for worker in await platform._ctx.ledger.workers()}
        made = [[names[a["worker"]] for a in t["attempts"] if a["outcome"] == "delivered"] for t in found]
        assert {len(workers) for workers in made} == {1}
        assert {worker for t, (worker,) in zip(found, made, strict=True) if t["kind"] == "video"} == {"quick"}
        lost = [a for t in found for a in t["attempts"] if a["outcome"] != "delivered"]
        assert {(names[a["worker"]], a["outcome"]) for a in lost} == {("stands still", "cancelled")}
        made_in_vain = [a for a in await platform._ctx.ledger.attempts(job) if a.outcome != "delivered"]
        assert sum(a.effort.frames for a in made_in_vain) <= 0.1 * len(times(clip))
        await platform.export(job, SMALL.name, tmp_path / "out.mp4")
        assert decoded(tmp_path / "out.mp4") == len(times(clip))


async def test_a_clip_that_is_submitted_behind_a_film_is_done_long_before_it(tmp_path, clip, slowed):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", bundle_seconds=0.0)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        film = await submitted(platform, client, clip, SMALL, TINY, chunk_seconds=0.2)
        async with agent(platform, "only one", slowed("slow", "sleep 0.3")):
            await seen(client, film, lambda view: view.renditions[0].chunks_done >= 1)
            short = await submitted(platform, client, clip, TINY, chunk_seconds=3.0)
            assert (await ended(client, short)).state == "done"
            view = await aside(client.job, film)
            left = sum(r.chunks_total - r.chunks_done for r in view.renditions)
            assert left >= sum(r.chunks_total for r in view.renditions) / 4
            assert (await ended(client, film)).state == "done"
