"""The steps of a job's life, with a clock of its own and parts that only say what they hold."""

import asyncio
import dataclasses
import hashlib
import json
from array import array
from fractions import Fraction

import pytest

from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_memory import MemoryStore
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.media.inspect import PartFacts
from fallow.messages import Delivery, to_wire
from fallow.model import Chunk, Effort, Source, TaskKind, VideoTrack
from fallow.pipeline import deliver, dispatch, keys, submit, sweep
from fallow.pipeline.context import Context, Policy
from fallow.pipeline.job_options import Options
from fallow.pipeline.receive import start
from fallow.pipeline.recipes import encoder_of, timeline, video_recipe
from fallow.ports import GetLink, PutLink
from fallow.profiles import Profile
from fallow.records import TaskSpec

FRAMES, CHUNK = 75, 25
BIG, SMALL = Profile("big", width=640, height=360), Profile("small", width=320, height=180)
VIDEO = VideoTrack(
    "h264", 640, 360, Fraction(1), 0, "yuv420p", 8, Fraction(1, 25), Fraction(25), FRAMES, interlaced=False
)
SOURCE = Source("mov", 1000, Fraction(0), Fraction(3), VIDEO)
INDEX = FrameIndex(Fraction(1, 25), array("q", range(FRAMES)), bytes([SAFE | SHOWN] * FRAMES), 1, 0)


class Clock:
    """Stands still unless told."""

    def __init__(self):
        self.time = 1_000_000.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        await asyncio.sleep(0)
        self.time += seconds


class Links:
    async def get_link(self, key, seconds):
        return GetLink(f"get {key}")

    async def put_link(self, key, seconds, most):
        return PutLink(f"put {key}")


@pytest.fixture
async def ctx(tmp_path, monkeypatch):
    def inspect(reader, container):
        said = json.loads(reader.at(0, 1000))
        begin = Fraction(said.pop("begin"))
        keys = frozenset(said.pop("keys", ()))
        return PartFacts("h264", **said, begin=begin, keys=keys)

    monkeypatch.setattr(deliver, "inspect_video", inspect)
    clock = Clock()
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/l.db", clock.now)
    made = Context(MemoryQueue(), MemoryStore(), ledger, clock, Links(), Policy(attempts=3))
    yield made
    await ledger.close()


async def a_job(ctx, *profiles, **options):
    """A job whose source is stored, and whose split task waits."""
    job, _ = await submit.create(ctx, "film.mov", profiles or [BIG], Options(**options))
    await ctx.store.put(job.source_key, b"source")
    await start(ctx, job.id)
    return job.id


async def splitting(ctx, *profiles, **options):
    """A job of which the splitter has probed the source."""
    job = await a_job(ctx, *profiles, **options)
    await ctx.ledger.set_source(job, SOURCE)
    await ctx.store.put(keys.index(job), INDEX.to_bytes())
    message = await ctx.queue.get(["split.normal"], 1)
    return job, await dispatch.claim(ctx, message, "splitter")


async def ship(ctx, job_id, number):
    """What the splitter does with each chunk."""
    job = await ctx.ledger.job(job_id)
    lo = number * CHUNK
    chunk = Chunk(job_id, number, f"jobs/{job_id}/chunks/{number}", "mpegts", lo, lo + CHUNK, 0, 0, 10, "ab")
    await ctx.store.put(chunk.key, b"0123456789")
    profiles = [BIG, SMALL][: len(job.renditions)]
    tasks = [a_spec(chunk, profile, bool(job.options["accept_damaged"])) for profile in profiles]
    assert await ctx.ledger.add_chunk(chunk, tasks)
    await dispatch.advance(ctx, job_id)


def a_spec(chunk, profile, accept_damaged):
    recipe = video_recipe(SOURCE, INDEX, chunk, profile, timeline(INDEX, profile, SOURCE))
    recipe = dataclasses.replace(recipe, accept_damaged=accept_damaged)
    wire = to_wire(recipe)
    identity = (chunk.job, TaskKind.VIDEO, profile.name, chunk.number)
    return TaskSpec(*identity, wire, chunk.key, chunk.size, chunk.sha256, CHUNK, 1.0, encoder_of(recipe))


async def split_done(ctx, task):
    from fallow.model import Part

    await ctx.ledger.commit(task.lease, Part(keys.index(task.spec.job), 1, "", FRAMES, ""), Effort())
    await dispatch.advance(ctx, task.spec.job)


async def encoding(ctx, *profiles, **options):
    """A job whose three chunks wait for workers."""
    job, split = await splitting(ctx, *profiles, **options)
    for number in range(3):
        await ship(ctx, job, number)
    await split_done(ctx, split)
    return job


async def upload(ctx, grant, frames=CHUNK, headers="h", **other):
    """What a worker does before it delivers."""
    recipe = grant.typed_recipe
    picture = {"width": recipe.width, "height": recipe.height, "begin": str(recipe.start)}
    data = json.dumps({"frames": frames, "headers": headers, **picture, **other}).encode()
    await ctx.store.put(grant.put_url.removeprefix("put "), data)
    return Delivery(len(data), hashlib.sha256(data).hexdigest(), frames, Effort(2.0, 1.0, frames))


async def lease(ctx, worker="w"):
    return await dispatch.lease(ctx, worker, 0.0, dispatch.claim)


async def work(ctx, worker="w", **made):
    """Lease one task and deliver it."""
    grant = await lease(ctx, worker)
    return grant, await deliver.deliver(ctx, worker, grant.lease, await upload(ctx, grant, **made))


async def later(ctx, seconds=100.0):
    ctx.clock.time += seconds
    await sweep.sweep(ctx)


async def state(ctx, job):
    return (await ctx.ledger.job(job)).state
