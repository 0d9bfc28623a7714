"""Jobs that are changed while they run: a paused one stands still, whatever others do, then is done exactly."""

import functools

import pytest
from by_hand import aside, tasks
from test_fair_and_hedged import agent, submitted
from watching import FFMPEG, SMALL, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.errors import Conflict
from fallow.services.run import Platform
from fallow.settings import Settings


async def change(client, job, **changes):
    return await aside(functools.partial(client.change, job, **changes))


def begun(found):
    """Every attempt at what is for workers."""
    return sorted(a["lease"] for task in found if task["kind"] in ("video", "audio") for a in task["attempts"])


async def still(client, job):
    """Nothing of it is worked on any more."""
    await seen(client, job, lambda view: not view.tasks_running)


@pytest.mark.parametrize("bundle_seconds", [0.0, 20.0])
async def test_a_paused_job_stands_still_while_others_go_on_and_then_is_done_exactly(
    tmp_path, clip, bundle_seconds
):
    settings = Settings(
        data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", bundle_seconds=bundle_seconds
    )
    async with Platform(settings) as platform:
        client = Client(platform.url)
        job = await submitted(platform, client, clip, SMALL, TINY, chunk_seconds=0.3)
        async with agent(platform, "only one"):
            await seen(client, job, lambda view: view.renditions[0].chunks_done >= 1)
            assert (await change(client, job, paused=True)).paused
            await still(client, job)
            before = begun(await tasks(client, job))
            other = await submitted(platform, client, clip, TINY, chunk_seconds=0.3)
            assert (await ended(client, other)).state == "done"
            assert begun(await tasks(client, job)) == before
            view = await aside(client.job, job)
            assert (view.paused, view.state in ("splitting", "encoding")) == (True, True)
            (summary,) = [one for one in await aside(client.jobs) if one.id == job]
            assert (summary.paused, summary.eta) == (True, None)
            await change(client, job, paused=False)
            view = await ended(client, job)
        assert (view.state, view.error, view.paused) == ("done", "", False)
        for profile in (SMALL, TINY):
            path = tmp_path / f"{profile.name}.mp4"
            await platform.export(job, profile.name, path)
            assert times(path) == pytest.approx(times(clip), abs=1e-6)
            assert decoded(path) == len(times(clip))
        with pytest.raises(Conflict, match="only an unfinished one"):
            await change(client, job, paused=True)


async def test_a_job_of_higher_priority_passes_one_that_came_before(tmp_path, clip):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off", bundle_seconds=0.0)
    async with Platform(settings) as platform:
        client = Client(platform.url)
        first = await submitted(platform, client, clip, TINY, chunk_seconds=0.2)
        second = await submitted(platform, client, clip, TINY, chunk_seconds=0.2)
        for job in (first, second):
            await seen(client, job, lambda view: view.state == "encoding")
        changed = await change(client, second, priority="high")
        assert (changed.options["priority"], changed.priority) == ("high", "high")
        await change(client, first, priority="low")
        async with agent(platform, "only one"):
            assert (await ended(client, second)).state == "done"
            assert (await ended(client, first)).state == "done"
        of = {job: await tasks(client, job) for job in (first, second)}
        started = {
            job: [a["started"] for t in of[job] if t["kind"] == "video" for a in t["attempts"]] for job in of
        }
        assert max(started[second]) < min(started[first])
