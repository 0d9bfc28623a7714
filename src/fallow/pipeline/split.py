"""Cut a source into chunks and tracks, and plan their tasks as soon as each is stored."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fallow import log
from fallow.media.frames import FrameIndex
from fallow.media.plan import cuts
from fallow.media.probe import Damage, probe
from fallow.media.reader import RangedReader
from fallow.media.split import ChunkPlan, ship_chunks
from fallow.media.tracks import TrackPlan, Write, ship_tracks
from fallow.messages import to_wire
from fallow.model import Chunk, Part, Source, TaskKind, Track
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance
from fallow.pipeline.job_options import Options, options_of, profile_of
from fallow.pipeline.join import read_index
from fallow.pipeline.local_task import Hold
from fallow.pipeline.recipes import (
    GUARD,
    Timeline,
    audio_recipes,
    check_fit,
    context_frames,
    encoder_of,
    text_recipes,
    timeline,
    video_recipe,
)
from fallow.pipeline.store_files import WriterSink, blob
from fallow.ports import Writer
from fallow.profiles import Profile
from fallow.recipe import Recipe
from fallow.records import Job, TaskSpec

K = TypeVar("K")
R = TypeVar("R", Chunk, Track)

SOUND_COST = 0.02  # of a second of sound, in seconds x megapixels of video


@dataclass(frozen=True)
class _Plan:
    """A job's source, and what is wanted of it."""

    job: Job
    source: Source
    index: FrameIndex
    options: Options
    lines: Sequence[tuple[Profile, Timeline]]

    @property
    def profiles(self) -> list[Profile]:
        return [profile for profile, _ in self.lines]

    def chunk_tasks(self, chunk: Chunk) -> list[TaskSpec]:
        """Encode a chunk, once for each rendition."""
        return [self._chunk_task(chunk, profile, line) for profile, line in self.lines]

    def _chunk_task(self, chunk: Chunk, profile: Profile, line: Timeline) -> TaskSpec:
        recipe = video_recipe(self.source, self.index, chunk, profile, line)
        recipe = dataclasses.replace(recipe, accept_damaged=self.options.accept_damaged)
        seconds = float(chunk.frames / self.source.video.average_rate)
        return TaskSpec(
            job=chunk.job,
            kind=TaskKind.VIDEO,
            rendition=profile.name,
            number=chunk.number,
            recipe=to_wire(recipe),
            get_key=chunk.key,
            get_bytes=chunk.size,
            get_sha256=chunk.sha256,
            frames=recipe.frames,
            cost=seconds * recipe.width * recipe.height / 1e6,
            encoder=encoder_of(recipe),
        )

    @property
    def wanted_tracks(self) -> set[tuple[TaskKind, int]]:
        """The tracks that some rendition has."""
        container = self.options.container
        sound = [audio_recipes(self.source, profile, container) for profile in self.profiles]
        wanted = {(TaskKind.AUDIO, index) for found in sound for index, _, _ in found}
        return wanted | {(TaskKind.TEXT, index) for index, _, _ in text_recipes(self.source, container)}

    def track_tasks(self, track: Track) -> list[TaskSpec]:
        """Encode a track, once for each different way that renditions want it."""
        container = self.options.container
        wanted: dict[str, Recipe] = {}
        for profile in self.profiles if track.kind is TaskKind.AUDIO else []:
            found = audio_recipes(self.source, profile, container)
            wanted |= {name: recipe for index, name, recipe in found if index == track.index}
        if track.kind is TaskKind.TEXT:
            text = text_recipes(self.source, container)
            wanted |= {name: recipe for index, name, recipe in text if index == track.index}
        return [self._track_task(track, name, recipe) for name, recipe in wanted.items()]

    def _track_task(self, track: Track, name: str, recipe: Recipe) -> TaskSpec:
        return TaskSpec(
            job=track.job,
            kind=track.kind,
            rendition=name,
            number=track.index,
            recipe=to_wire(dataclasses.replace(recipe, container=track.container)),
            get_key=track.key,
            get_bytes=track.size,
            get_sha256=track.sha256,
            cost=SOUND_COST * float(self.source.duration),
            encoder=encoder_of(recipe),
        )


async def split(ctx: Context, hold: Hold) -> Part:
    """The work of a split task. What was recorded by an attempt that was cut short is not done again."""
    job = await ctx.ledger.job(hold.task.spec.job)
    reader = await blob(ctx, hold.thread, job.source_key, job.name)
    source, index = await _probed(ctx, hold, job, reader)
    profiles = [profile_of(rendition) for rendition in job.renditions]
    for profile in profiles:
        check_fit(source, index, profile, options_of(job).container)
    lines = [(profile, timeline(index, profile, source)) for profile in profiles]
    plan = _Plan(job, source, index, options_of(job), lines)
    await _ship_chunks(ctx, hold, plan, reader)
    await _ship_tracks(ctx, hold, plan, reader)
    stored = await blob(ctx, hold.thread, keys.index(job.id), "The frame index")
    return Part(keys.index(job.id), stored.size, "", len(index.pts), "")


async def _probed(ctx: Context, hold: Hold, job: Job, reader: RangedReader) -> tuple[Source, FrameIndex]:
    """What the source is; from the ledger and the store, when an earlier attempt found it out."""
    if job.source is not None and await ctx.store.stat(keys.index(job.id)):
        return job.source, await read_index(ctx, job.id)
    damage = Damage.ACCEPT if options_of(job).accept_damaged else Damage.REFUSE
    source, index = await hold.thread.run(lambda: probe(reader, damage))
    # The index first: where the ledger names a source, its index is to be found.
    await ctx.store.delete([keys.index(job.id)])
    await ctx.store.put(keys.index(job.id), await hold.thread.run(index.to_bytes))
    await ctx.ledger.set_source(job.id, source)
    log.event("source.probed", job=job.id, codec=source.video.codec, frames=source.video.frames)
    return source, index


async def _ship_chunks(ctx: Context, hold: Hold, plan: _Plan, reader: RangedReader) -> None:
    seconds = plan.options.chunk_seconds
    points = cuts(plan.index, seconds, 2 * seconds)
    known, lost = await _recorded(ctx, {chunk.number: chunk for chunk in await ctx.ledger.chunks(plan.job.id)})
    context = context_frames(plan.source, plan.profiles)
    shipped = ship_chunks(reader, plan.index, points, GUARD + context, context, frozenset(known))
    while item := await hold.thread.run(lambda: next(shipped, None)):
        await _record_chunk(ctx, hold, plan, lost.get(item[0].number), *item)
        hold.frames = item[0].hi


async def _recorded(ctx: Context, found: Mapping[K, R]) -> tuple[set[K], dict[K, R]]:
    """Which chunks or tracks need not be stored, and the records of those that must be again, as they are lost."""
    lost = {name: item for name, item in found.items() if not await ctx.holds(item.key, item.size)}
    return set(found) - set(lost), lost


async def _record_chunk(
    ctx: Context, hold: Hold, plan: _Plan, lost: Chunk | None, shipped: ChunkPlan, data: bytes
) -> None:
    """Store a chunk, and offer its tasks at once: encoding goes on while the rest is split."""
    key = keys.chunk(plan.job.id, shipped.number, hold.task.lease, shipped.container)
    await ctx.store.put(key, data)
    chunk = Chunk(
        job=plan.job.id,
        number=shipped.number,
        key=key,
        container=shipped.container,
        lo=shipped.lo,
        hi=shipped.hi,
        guard=shipped.guard,
        before=shipped.before,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    specs = plan.chunk_tasks(chunk)
    new = await (ctx.ledger.replace(lost, chunk, specs) if lost else ctx.ledger.add_chunk(chunk, specs))
    if new:
        log.event("chunk.stored", job=chunk.job, chunk=chunk.number, frames=chunk.frames, bytes=chunk.size)
    else:
        await ctx.store.delete([key])
    await advance(ctx, chunk.job)


async def _ship_tracks(ctx: Context, hold: Hold, plan: _Plan, reader: RangedReader) -> None:
    """Sound and text, each track whole; all that are still missing in one pass over the source."""
    tracks = {(track.kind, track.index): track for track in await ctx.ledger.tracks(plan.job.id)}
    known, lost = await _recorded(ctx, tracks)
    missing = plan.wanted_tracks - known
    if not missing:
        return
    loading = _Loading(ctx, hold, plan.job.id, missing)
    try:
        await hold.thread.run(lambda: loading.run(reader, plan.source))
        for track in await loading.finish():
            before, specs = lost.get((track.kind, track.index)), plan.track_tasks(track)
            await (ctx.ledger.replace(before, track, specs) if before else ctx.ledger.add_track(track, specs))
            log.event("track.stored", job=track.job, kind=track.kind.value, track=track.index, bytes=track.size)
    except BaseException:
        await loading.abort()
        raise
    await advance(ctx, plan.job.id)


@dataclass
class _Object:
    """A track's object in the making."""

    plan: TrackPlan
    key: str
    writer: Writer
    sink: WriterSink
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.digest.update(data)
        self.sink.write(data)


class _Loading:
    """The objects of several tracks, which grow side by side."""

    def __init__(self, ctx: Context, hold: Hold, job: str, missing: set[tuple[TaskKind, int]]) -> None:
        self._ctx = ctx
        self._hold = hold
        self._job = job
        self._missing = missing
        self._objects: list[_Object] = []

    def run(self, reader: RangedReader, source: Source) -> None:
        """In a thread: read the source and write every missing track."""
        ship_tracks(reader, source, self._open)
        for item in self._objects:
            item.sink.flush()

    async def finish(self) -> list[Track]:
        for item in self._objects:
            await item.writer.commit()
        return [
            Track(self._job, i.plan.kind, i.plan.index, i.key, i.plan.container, i.size, i.digest.hexdigest())
            for i in self._objects
        ]

    async def abort(self) -> None:
        for item in self._objects:
            await item.writer.abort()

    def _open(self, plan: TrackPlan) -> Write:
        if (plan.kind, plan.index) not in self._missing:
            return len
        key = keys.track(self._job, f"{plan.kind.value}{plan.index}", self._hold.task.lease, plan.container)
        writer = self._hold.thread.call(self._ctx.store.writer(key))
        item = _Object(plan, key, writer, WriterSink(self._hold.thread, writer))
        self._objects.append(item)
        return item.write
