"""Store the chunks and tracks of a source, and offer the tasks of each as soon as it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fallow import log
from fallow.media.reader import RangedReader
from fallow.media.split import ChunkPlan
from fallow.media.split import ship_chunks as cut_chunks
from fallow.media.tracks import TrackPlan, Write
from fallow.media.tracks import ship_tracks as cut_tracks
from fallow.model import Chunk, Source, TaskKind, Track
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance
from fallow.pipeline.local_task import Hold
from fallow.pipeline.ship_sections import Sections
from fallow.pipeline.split_plan import SplitPlan
from fallow.pipeline.store_files import WriterSink
from fallow.ports import Writer
from fallow.records import TaskSpec

K = TypeVar("K")
R = TypeVar("R", Chunk, Track)


async def ship_chunks(
    ctx: Context, hold: Hold, plan: SplitPlan, reader: RangedReader, points: Sequence[int], sections: Sections
) -> None:
    """Every chunk between two of these cut points that is not stored yet, after the sound that it begins with."""
    known, lost = await recorded(ctx, {chunk.number: chunk for chunk in await ctx.ledger.chunks(plan.job.id)})
    shipped = cut_chunks(reader, plan.index, points, plan.guard, plan.context, frozenset(known))
    while item := await hold.thread.run(lambda: next(shipped, None)):
        await sections.ship(plan.index.seconds(item[0].lo))
        await record_chunk(ctx, hold, lost.get(item[0].number), *item, plan.chunk_tasks)
        hold.frames = item[0].hi
    await sections.ship(None)


async def recorded(ctx: Context, found: Mapping[K, R]) -> tuple[set[K], dict[K, R]]:
    """Which chunks or tracks need not be stored, and the records of those that must be again, as they are lost."""
    lost = {name: item for name, item in found.items() if not await ctx.holds(item.key, item.size)}
    return set(found) - set(lost), lost


async def record_chunk(
    ctx: Context,
    hold: Hold,
    lost: Chunk | None,
    shipped: ChunkPlan,
    data: bytes,
    tasks_of: Callable[[Chunk], list[TaskSpec]],
) -> None:
    """Store a chunk, and offer its tasks at once: encoding goes on while the rest is split."""
    job = hold.task.spec.job
    key = keys.chunk(job, shipped.number, hold.task.lease, shipped.container)
    await ctx.store.put(key, data)
    chunk = Chunk(
        job=job,
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
    specs = tasks_of(chunk)
    new = await (ctx.ledger.replace(lost, chunk, specs) if lost else ctx.ledger.add_chunk(chunk, specs))
    if new:
        log.event("chunk.stored", job=chunk.job, chunk=chunk.number, frames=chunk.frames, bytes=chunk.size)
    else:
        await ctx.store.delete([key])
    await advance(ctx, chunk.job)


async def ship_tracks(ctx: Context, hold: Hold, plan: SplitPlan, reader: RangedReader) -> None:
    """Sound and text, each track whole; all that are still missing in one pass over the source."""
    tracks = [track for track in await ctx.ledger.tracks(plan.job.id) if track.section is None]
    known, lost = await recorded(ctx, {(track.kind, track.index): track for track in tracks})
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
        cut_tracks(reader, source, self._open)
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
