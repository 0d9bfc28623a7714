"""What a splitter offers first."""

import pytest
from job_steps import BIG, a_job
from joining import ffmpeg

from fallow.model import TaskKind
from fallow.pipeline import dispatch, split
from fallow.pipeline.local_task import Hold
from fallow.pipeline.store_files import Thread


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=1"]
    sources += ["-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000"]
    ffmpeg(*sources, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", path)
    return path.read_bytes()


@pytest.mark.parametrize(("container", "first"), [("cmaf", TaskKind.AUDIO), ("mp4", TaskKind.VIDEO)])
async def test_the_sound_of_a_stream_is_offered_before_its_pictures(ctx, film, monkeypatch, container, first):
    job = await a_job(ctx, BIG, container=container)
    key = (await ctx.ledger.job(job)).source_key
    await ctx.store.delete([key])
    await ctx.store.put(key, film)
    task = await dispatch.claim(ctx, await ctx.queue.get(["split.normal"], 0), "splitter")
    offered = []

    async def advance(ctx, job):
        offered.append({task.spec.kind for task in await ctx.ledger.tasks(job)} - {TaskKind.SPLIT})

    for module in ("ship", "ship_sections"):
        monkeypatch.setattr(f"fallow.pipeline.{module}.advance", advance)
    await split.split(ctx, Hold(task, Thread()))
    assert offered == [{first}, {TaskKind.AUDIO, TaskKind.VIDEO}]
