"""Agents that have different encoders, on one platform."""

from by_hand import agent, aside, tasks
from watching import FFMPEG, TINY, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.profiles import Audio, Profile
from fallow.services.run import Platform
from fallow.settings import Settings

VP9 = Profile("vp9", codec="libvpx-vp9", width=96, height=54, crf=50.0, audio=Audio("libopus", 64))


async def test_every_agent_draws_the_tasks_that_it_has_the_encoder_for(tmp_path, clip):
    settings = Settings(data=tmp_path / "data", port=0, workers=0, ffmpeg=FFMPEG, log="off")
    async with Platform(settings) as platform:
        client = Client(platform.url)
        wanted = [to_wire(TINY), to_wire(VP9)]
        job = await aside(client.create, clip.name, wanted, {"chunk_seconds": 1.0})
        await platform.adopt(job.id, clip)
        async with agent(platform, "phone", encoders=["libx264", "aac"]):
            view = await seen(client, job.id, lambda view: view.renditions[0].state == "done")
            assert not view.ended
            assert list(view.warnings) == [
                "No worker is known that has the encoder libopus, which vp9 needs; connect one.",
                "No worker is known that has the encoder libvpx-vp9, which vp9 needs; connect one.",
            ]
            async with agent(platform, "tablet", encoders=["libvpx-vp9", "libopus"]):
                view = await ended(client, job.id)
        assert (view.state, view.error, list(view.warnings)) == ("done", "", [])
        names = {worker.id: worker.name for worker in await platform._ctx.ledger.workers()}
        done = {
            (task["rendition"], names[attempt["worker"]])
            for task in await tasks(client, job.id)
            for attempt in task["attempts"]
            if task["kind"] in ("video", "audio")
        }
        found = {(rendition.partition("-")[0], name) for rendition, name in done}
        assert {name for rendition, name in done if rendition == "tiny" or "aac" in rendition} == {"phone"}
        assert {name for rendition, name in done if rendition == "vp9" or "opus" in rendition} == {"tablet"}
        assert len(found) >= 3
        for profile in (TINY, VP9):
            path = tmp_path / f"{profile.name}.mp4"
            await platform.export(job.id, profile.name, path)
            assert decoded(path) == len(times(clip))
