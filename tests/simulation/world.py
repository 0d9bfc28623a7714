"""The platform in virtual time: real dispatch, real queue, a ledger; sources, parts and results are made up."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from unittest import mock

from fallow.adapters.queue_memory import MemoryQueue
from fallow.adapters.store_memory import MemoryStore
from fallow.media.plan import Taper
from fallow.messages import Delivery, to_wire
from fallow.model import Chunk, Colour, JobState, Part, Source, TaskKind, VideoTrack, piece_number
from fallow.pipeline import admission, context, deliver, dispatch, divide, rivals, sweep
from fallow.pipeline.context import Context, Policy
from fallow.pipeline.hold import Holds
from fallow.pipeline.job_options import Options
from fallow.pipeline.local_task import Hold
from fallow.pipeline.prefix import LOOK_EVERY, WINDOW
from fallow.pipeline.setback import GiveWay
from fallow.pipeline.submit import create
from fallow.pipeline.tail import SHORTEST
from fallow.ports import GetLink, PutLink
from fallow.profiles import Audio, Profile
from fallow.recipe import Encoder, VideoRecipe
from fallow.records import Task, TaskSpec
from fallow.services.consumers import Consumer
from fallow.services.home import Home
from simulation.metered import Metered
from simulation.virtual_time import VirtualClock

RATE = 25
WIDTH, HEIGHT = 1920, 1080
MEGAPIXELS = WIDTH * HEIGHT / 1e6
CUTTING = 0.01  # seconds that the splitter takes for a chunk
JOINING = 1.0  # seconds that the joiner takes after the last part
PROFILE = Profile("1080p", width=WIDTH, height=HEIGHT, audio=Audio("none"))


@dataclass(frozen=True)
class Film:
    """What somebody submits."""

    chunks: int
    seconds: float  # of each chunk
    priority: str = "normal"
    owner: str = ""
    is_cut: bool = False  # by the time at which it is looked at
    taper: Taper | None = None  # towards its end

    @functools.cached_property
    def cuts(self) -> tuple[int, ...]:
        """Between which frames there are chunks."""
        found, end = [0], self.chunks * round(self.seconds * RATE)
        while (left := end - found[-1]) > 0:
            length = self.taper.length(self.seconds, left / RATE) if self.taper else self.seconds
            frames = round(length * RATE)
            found.append(found[-1] + frames if left - frames >= frames / 2 else end)
        return tuple(found)


class Links:
    """Nobody follows them."""

    async def get_link(self, key: str, seconds: float) -> GetLink:
        return GetLink(key)

    async def put_link(self, key: str, seconds: float, most: int) -> PutLink:
        return PutLink(key)


@dataclass
class World:
    """A platform, and who watches it."""

    ctx: Context
    ledger: Metered
    films: dict[str, Film] = field(default_factory=dict)  # by their jobs

    async def submit(self, film: Film) -> str:
        """A job whose source has come."""
        ctx = self.ctx
        options = Options(chunk_seconds=film.seconds, priority=film.priority)
        job, _ = await create(ctx, "film.mov", [PROFILE], options, f"film {len(self.films)}")
        self.films[job.id] = film
        await ctx.ledger.plan([dispatch.aside(job.id, TaskKind.SPLIT, "")])
        await ctx.ledger.move_job(job.id, JobState.SPLITTING)
        if film.is_cut:
            await ctx.ledger.set_source(job.id, _source(film))
            for number, (lo, hi) in enumerate(itertools.pairwise(film.cuts)):
                chunk, task = _chunk(job.id, number, lo, hi)
                await ctx.ledger.add_chunk(chunk, [task])
        await dispatch.advance(ctx, job.id)
        return job.id

    async def split(self, ctx: Context, hold: Hold) -> Part:
        """A splitter's work, without a source."""
        job = hold.task.spec.job
        film = self.films[job]
        await ctx.ledger.set_source(job, _source(film))
        for number, (lo, hi) in enumerate([] if film.is_cut else itertools.pairwise(film.cuts)):
            await ctx.clock.sleep(CUTTING)
            chunk, task = _chunk(job, number, lo, hi)
            await ctx.ledger.add_chunk(chunk, [task])
            await dispatch.advance(ctx, job)
        return Part(f"jobs/{job}/index", 1, "", film.cuts[-1], "")

    async def join(self, ctx: Context, hold: Hold) -> Part:
        """A joiner's work, without parts: it waits for each in its turn, and makes room for others meanwhile."""
        spec, number, since = hold.task.spec, 0, ctx.clock.now()
        while number < len(self.films[spec.job].cuts) - 1:
            with ctx.bell.listening(spec.job) as rung:
                if found := await ctx.ledger.prefix(spec.job, spec.rendition, number, WINDOW):
                    number, since = found[-1][0].number + 1, ctx.clock.now()
                    continue
                if ctx.clock.now() - since > ctx.policy.join_wait and await self.others_wait():
                    raise GiveWay(ctx.clock.now() - (await ctx.ledger.job(spec.job)).created)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(rung.wait(), LOOK_EVERY)
        await ctx.clock.sleep(JOINING)
        made = Part(f"jobs/{spec.job}/results/{spec.rendition}", 1, "", number, "")
        await ctx.ledger.set_result(spec.job, spec.rendition, made, {})
        return made

    async def others_wait(self) -> bool:
        """For a joiner."""
        return any((await self.ctx.queue.depths(admission.queues([TaskKind.JOIN]))).values())

    async def sweep(self) -> None:
        """Until cancelled."""
        while True:
            await rivals.watch(self.ctx, self.ctx.policy.sweep_seconds)
            await sweep.sweep(self.ctx)
            await sweep.sweep_dead(self.ctx)

    async def unfinished(self) -> list[str]:
        """Jobs; nobody counts that we asked."""
        return list(await self.ledger.uncounted.unfinished_jobs())

    async def waiting(self) -> int:
        """Messages in the queues of workers."""
        return sum((await self.ctx.queue.depths(admission.queues(dispatch.ANYWHERE))).values())


@asynccontextmanager
async def world(ledger: Any, policy: Policy, helpers: int = 1) -> AsyncIterator[World]:
    """One that runs, with so many splitters and joiners."""
    metered = Metered(ledger)
    ctx = Context(MemoryQueue(), MemoryStore(), metered, VirtualClock(), Links(), policy)  # type: ignore[arg-type]
    made = World(ctx, metered)
    consumers = [_consumer(made, kind, number) for kind in _WORK for number in range(helpers)]
    dice = mock.patch.object(context, "_dice", random.Random(0))
    verified = mock.patch.object(deliver, "_verified", _verified)
    planned = mock.patch.object(divide, "plan_of", _plan_of)
    with dice, verified, planned:
        running = [asyncio.create_task(work) for work in (made.sweep(), *(c.run() for c in consumers))]
        try:
            yield made
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


_WORK = {TaskKind.SPLIT: World.split, TaskKind.JOIN: World.join}

_PLACES = {TaskKind.SPLIT: 1, TaskKind.JOIN: 4}  # as by default


def _consumer(made: World, kind: TaskKind, number: int) -> Consumer:
    home = Home(f"helper-{number}-")
    consumer = Consumer(made.ctx, kind, home, Holds(made.ctx), _PLACES[kind])
    consumer._work = _WORK[kind].__get__(made)
    return consumer


async def _verified(ctx: Context, spec: TaskSpec, key: str, delivery: Delivery) -> Part:
    """In place of a look at the part: a made-up one is as it is told."""
    return Part(key, delivery.size, delivery.sha256, delivery.frames, "headers")


class _Plan:
    """Makes tasks of pieces, without a source."""

    def least(self, rendition: str) -> int:
        return math.ceil(SHORTEST * RATE)

    def task(self, whole: Task, chunk: Chunk, begin: int, end: int) -> TaskSpec:
        piece = chunk.piece(begin, end)
        _, made = _chunk(chunk.job, chunk.number, piece.lo, piece.hi)
        return dataclasses.replace(made, number=piece_number(chunk.number, begin))


async def _plan_of(ctx: Context, job: str) -> _Plan:
    return _Plan()


def _source(film: Film) -> Source:
    frames = film.cuts[-1]
    tick, rate = Fraction(1, RATE), Fraction(RATE)
    video = VideoTrack("h264", WIDTH, HEIGHT, Fraction(1), 0, "yuv420p", 8, tick, rate, frames, interlaced=False)
    return Source("mov", 1000, Fraction(0), Fraction(frames, RATE), video)


def _chunk(job: str, number: int, lo: int, hi: int) -> tuple[Chunk, TaskSpec]:
    frames = hi - lo
    chunk = Chunk(job, number, f"jobs/{job}/chunks/{number}", "mpegts", lo, hi, 0, 0, 1000, "0" * 64)
    identity = (job, TaskKind.VIDEO, PROFILE.name, number)
    cost = frames / RATE * MEGAPIXELS
    spec = TaskSpec(*identity, _recipe(frames), chunk.key, chunk.size, chunk.sha256, frames, cost, "libx264")
    return chunk, spec


@functools.cache
def _recipe(frames: int) -> dict[str, Any]:
    recipe = VideoRecipe(
        container="mpegts",
        output="mpegts",
        frames=frames,
        start=Fraction(10),
        end=None,
        guard=0,
        context_start=None,
        context_end=None,
        deinterlace=False,
        rotation=0,
        width=WIDTH,
        height=HEIGHT,
        scaled=False,
        sample_aspect=Fraction(1),
        time_base=Fraction(1, RATE),
        rate=Fraction(RATE),
        encoder=Encoder("libx264", "yuv420p", "medium", 250, crf=23.0),
        colour=Colour(),
    )
    return dict(to_wire(recipe))
