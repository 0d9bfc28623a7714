"""Make a rendition's result of its parts, and count it once more before anybody sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from fallow import log
from fallow.errors import BrokenPart, NotFound
from fallow.media.frames import FrameIndex
from fallow.media.join import JoinFacts, join
from fallow.media.reader import RangedReader
from fallow.media.result_layout import JoinPlan, Layout, TrackPart, VideoPart, lay_out
from fallow.model import AudioTrack, Chunk, Part, Source, TaskKind, TaskState, TextTrack
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import needs, options_of, profile_of
from fallow.pipeline.local_task import Hold
from fallow.pipeline.proven import proven
from fallow.pipeline.recipes import Timeline, chunk_range, timeline
from fallow.pipeline.setback import NotYet, between
from fallow.pipeline.store_files import Thread, WriterSink, blob, bytes_of, sha256
from fallow.recipe import LEAD
from fallow.records import Job, Rendition, Task


async def join_rendition(ctx: Context, hold: Hold) -> Part:
    """The work of a join task."""
    job = await ctx.ledger.job(hold.task.spec.job)
    rendition = next(r for r in job.renditions if r.name == hold.task.spec.rendition)
    if rendition.result is not None:  # joined before, but the platform was stopped before it could say so
        return rendition.result
    made = await _Made.of(ctx, job, rendition)
    index = await read_index(ctx, job.id)
    line = timeline(index, profile_of(rendition), made.source)
    try:
        result, facts = await _write(ctx, hold, made.plan(ctx, hold.thread, line, options_of(job).container))
    except BrokenPart as error:
        await _reopen(ctx, made, error)
        raise
    told = _facts(result, facts) | {"faults": made.faults(index)}
    await ctx.ledger.set_result(job.id, rendition.name, result, told)
    return result


async def read_index(ctx: Context, job: str) -> FrameIndex:
    facts = await ctx.store.stat(keys.index(job))
    if facts is None:
        raise NotFound("The frame index of the source is gone; submit the job again.")
    return FrameIndex.from_bytes(await ctx.store.read(facts.key, 0, facts.size))


@dataclasses.dataclass(frozen=True)
class _Made:
    """What was made for one rendition: a done task for each chunk and each track."""

    job: Job
    rendition: Rendition
    source: Source
    chunks: Sequence[Chunk]
    video: Sequence[Task]
    tracks: Sequence[Task]

    @classmethod
    async def of(cls, ctx: Context, job: Job, rendition: Rendition) -> _Made:
        wanted = needs(job, rendition)
        tasks = [task for task in await ctx.ledger.tasks(job.id) if (task.spec.kind, task.spec.rendition) in wanted]
        open_tasks = [task for task in tasks if task.state is not TaskState.DONE]
        if open_tasks or job.source is None:
            raise NotYet(f"{len(open_tasks)} parts of {rendition.name} are being made again.")
        video = [task for task in tasks if task.spec.kind is TaskKind.VIDEO]
        tracks = [task for task in tasks if task.spec.kind is not TaskKind.VIDEO]
        # In the order of the source, sound before text.
        tracks.sort(key=lambda task: (task.spec.kind is TaskKind.TEXT, task.spec.number))
        chunks = await ctx.ledger.chunks(job.id)
        return cls(job, rendition, job.source, chunks, video, tracks)

    def faults(self, index: FrameIndex) -> list[str]:
        """A sentence about chunks whose pictures are spoilt in the source already, if there are any."""
        spoilt = [(chunk, _part(task).fault) for chunk, task in zip(self.chunks, self.video, strict=True)]
        spoilt = [(chunk, fault) for chunk, fault in spoilt if fault]
        if not spoilt:
            return []
        chunk, fault = spoilt[0]
        where = between(index, chunk) + (f", and in {len(spoilt) - 1} more chunks," if spoilt[1:] else "")
        return [
            f"Between {where} pictures of the source are damaged and may look spoilt; the decoder says: {fault}."
        ]

    def plan(self, ctx: Context, thread: Thread, line: Timeline, container: str) -> JoinPlan:
        return JoinPlan(
            container=container,
            video=[self._video(ctx, thread, line, *pair) for pair in zip(self.chunks, self.video, strict=True)],
            times=line.times,
            time_base=line.time_base,
            end=line.end,
            tracks=[self._track(ctx, thread, task) for task in self.tracks],
            colour=self.source.video.colour,
            title=self.source.title,
            chapters=self.source.chapters,
        )

    def _video(self, ctx: Context, thread: Thread, line: Timeline, chunk: Chunk, task: Task) -> VideoPart:
        part = _part(task)
        lo, hi = chunk_range(line, chunk)
        opener = _opener(ctx, thread, part, f"The part of chunk {chunk.number}")
        return VideoPart(opener, keys.container_of(part.key), lo, hi, part.size, part.damaged)

    def _track(self, ctx: Context, thread: Thread, task: Task) -> TrackPart:
        part, spec = _part(task), task.spec
        opener = _opener(ctx, thread, part, f"The {spec.kind.value} part {spec.number}")
        tracks: Sequence[AudioTrack | TextTrack] = self.source.audio
        if spec.kind is TaskKind.TEXT:
            tracks = self.source.text
        track = next(track for track in tracks if track.index == spec.number)
        return TrackPart(
            open=opener,
            container=keys.container_of(part.key),
            kind=spec.kind,
            packets=part.frames,
            size=part.size,
            end=track.end + LEAD if isinstance(track, AudioTrack) else None,
            language=track.language,
            title=track.title,
            default=track.default,
            forced=isinstance(track, TextTrack) and track.forced,
        )


async def _write(ctx: Context, hold: Hold, plan: JoinPlan) -> tuple[Part, JoinFacts]:
    """Join in a thread, straight into the store, and read back what is there."""
    spec = hold.task.spec
    key = keys.result(spec.job, spec.rendition, hold.task.lease, plan.container)
    layout = await hold.thread.run(lambda: lay_out(plan))
    writer = await ctx.store.writer(key, layout.held)
    try:
        facts = await hold.thread.run(lambda: _run(plan, layout, WriterSink(hold.thread, writer)))
        await writer.commit(facts.head)
    except BaseException:
        await writer.abort()
        raise
    hold.frames = facts.frames
    try:
        _check_total(plan, facts)
        result = await blob(ctx, hold.thread, key, "The result")
        digest = await hold.thread.run(lambda: sha256(result))
    except BaseException:
        await ctx.store.delete([key])
        raise
    damaged = any(part.damaged for part in plan.video)
    return Part(key, result.size, digest, facts.frames, "", damaged), facts


def _run(plan: JoinPlan, layout: Layout, sink: WriterSink) -> JoinFacts:
    facts = join(plan, layout, sink)
    sink.flush()
    return facts


def _check_total(plan: JoinPlan, facts: JoinFacts) -> None:
    wanted = len(plan.times)
    damaged = any(part.damaged for part in plan.video)
    if facts.frames != wanted and not (damaged and 0 < facts.frames < wanted):
        raise BrokenPart(f"The result has {facts.frames} frames instead of {wanted}.")


def _facts(result: Part, facts: JoinFacts) -> dict[str, Any]:
    """What people are told of a result."""
    return {
        "frames": facts.frames,
        "key_frames": facts.key_frames,
        "duration": float(facts.duration),
        "bit_rate": facts.bit_rate,
        "tracks": list(facts.tracks),
        "sha256": result.sha256,
    }


async def _reopen(ctx: Context, made: _Made, error: BrokenPart) -> None:
    """Have the part made again that the join stumbled over; the join itself waits for it."""
    tasks = made.video if error.part is not None else made.tracks
    number = error.part if error.part is not None else error.track
    if number is None:
        return
    task = tasks[number]
    if await ctx.ledger.reopen(task.id, str(error)):
        log.trouble("part.broken", str(error), job=task.spec.job, task=task.id)
        await ctx.store.delete([_part(task).key])


def _opener(ctx: Context, thread: Thread, part: Part, name: str) -> Callable[[], RangedReader]:
    """Opens a part from the joining thread."""

    def open_part() -> RangedReader:
        try:
            return proven(bytes_of(ctx, thread, part.key), part.size, part.sha256, name)
        except NotFound:
            raise BrokenPart(f"{name} is not in the store any more.") from None

    return open_part


def _part(task: Task) -> Part:
    if task.part is None:
        raise BrokenPart(f"The task {task.id} has no part.")
    return task.part
