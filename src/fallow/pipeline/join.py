"""Make a rendition's result of its parts, and count it once more before anybody sees it.

The join begins while parts are still made, takes each as soon as it and all before it are there, and so ends soon
after the last.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from fallow import log
from fallow.errors import BrokenPart, NotFound
from fallow.media.frames import FrameIndex
from fallow.media.join import JoinFacts, join
from fallow.media.result_layout import JoinPlan, Layout, TrackPart, lay_out
from fallow.model import AudioTrack, Chunk, Part, Source, TaskKind, TaskState, TextTrack, track_of
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import needs, options_of, profile_of
from fallow.pipeline.local_task import Hold
from fallow.pipeline.prefix import Prefix, opener_of, part_of
from fallow.pipeline.recipes import timeline
from fallow.pipeline.setback import NotYet, between
from fallow.pipeline.store_files import Thread, WriterSink, digest_of
from fallow.recipe import LEAD
from fallow.records import Job, Task


async def join_rendition(ctx: Context, hold: Hold) -> Part:
    """The work of a join task."""
    job = await ctx.ledger.job(hold.task.spec.job)
    rendition = next(r for r in job.renditions if r.name == hold.task.spec.rendition)
    if rendition.result is not None:  # joined before, but the platform was stopped before it could say so
        return rendition.result
    tracks = await Tracks.of(ctx, job, needs(job, rendition))
    index = await read_index(ctx, job.id)
    line = timeline(index, profile_of(rendition), tracks.source)
    prefix = Prefix(ctx, hold, job, rendition.name, line, len(index.pts))
    plan = JoinPlan(
        container=options_of(job).container,
        video=prefix,
        times=line.times,
        time_base=line.time_base,
        end=line.end,
        tracks=tracks.parts(ctx, hold.thread),
        colour=tracks.source.video.colour,
        title=tracks.source.title,
        chapters=tracks.source.chapters,
        bounds=await prefix.bounds(),
    )
    try:
        result, facts = await _write(ctx, hold, plan)
    except BrokenPart as error:
        await _reopen(ctx, prefix, tracks, error)
        raise
    told = _facts(result, facts) | {"faults": faults_of(prefix.spoilt, prefix.spoilt_chunks, index)}
    await ctx.ledger.set_result(job.id, rendition.name, result, told)
    return result


async def read_index(ctx: Context, job: str) -> FrameIndex:
    facts = await ctx.store.stat(keys.index(job))
    if facts is None:
        raise NotFound("The frame index of the source is gone; submit the job again.")
    return FrameIndex.from_bytes(await ctx.store.read(facts.key, 0, facts.size))


@dataclasses.dataclass(frozen=True)
class Tracks:
    """The sound and text of a rendition, which a file's head cannot be laid out without."""

    source: Source
    tasks: Sequence[Task]

    @classmethod
    async def of(cls, ctx: Context, job: Job, wanted: Collection[tuple[TaskKind, str]]) -> Tracks:
        """Those of the wanted tasks that are tracks, all of which must be done."""
        found = await ctx.ledger.tasks(job.id, (TaskKind.AUDIO, TaskKind.TEXT))
        tasks = [task for task in found if (task.spec.kind, task.spec.rendition) in wanted]
        open_tasks = [task for task in tasks if task.state is not TaskState.DONE]
        if open_tasks or job.source is None:
            raise NotYet(f"{len(open_tasks)} tracks are being made again.")
        # In the order of the source, sound before text.
        tasks.sort(key=lambda task: (task.spec.kind is TaskKind.TEXT, task.spec.number))
        return cls(job.source, tasks)

    def parts(self, ctx: Context, thread: Thread) -> list[TrackPart]:
        return [self._part(ctx, thread, task) for task in self.tasks]

    def _part(self, ctx: Context, thread: Thread, task: Task) -> TrackPart:
        part, spec = part_of(task), task.spec
        tracks: Sequence[AudioTrack | TextTrack] = self.source.audio
        if spec.kind is TaskKind.TEXT:
            tracks = self.source.text
        index, _ = track_of(spec.number)
        track = next(track for track in tracks if track.index == index)
        return TrackPart(
            open=opener_of(ctx, thread, part, f"The {spec.kind.value} part {spec.number}"),
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


def faults_of(spoilt: Sequence[tuple[Chunk, str]], chunks: int, index: FrameIndex) -> list[str]:
    """A sentence about chunks whose pictures are spoilt in the source already, if there are any, from the first."""
    if not spoilt:
        return []
    chunk, fault = spoilt[0]
    more = chunks - 1
    where = between(index, chunk) + (f", and in {more} more chunks," if more else "")
    return [f"Between {where} pictures of the source are damaged and may look spoilt; the decoder says: {fault}."]


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
        size, digest = await digest_of(ctx, key)
        if size != facts.size:
            raise BrokenPart(f"The store holds {size} bytes of the result instead of {facts.size}.")
    except BaseException:
        await ctx.store.delete([key])
        raise
    return Part(key, size, digest, facts.frames, "", facts.damaged), facts


def _run(plan: JoinPlan, layout: Layout, sink: WriterSink) -> JoinFacts:
    facts = join(plan, layout, sink)
    sink.flush()
    return facts


def _check_total(plan: JoinPlan, facts: JoinFacts) -> None:
    wanted = len(plan.times)
    if facts.frames != wanted and not (facts.damaged and 0 < facts.frames < wanted):
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


async def _reopen(ctx: Context, prefix: Prefix, tracks: Tracks, error: BrokenPart) -> None:
    """Have the part made again that the join stumbled over; the join itself waits for it."""
    task = prefix.task if error.part is not None else None
    if error.track is not None:
        task = tracks.tasks[error.track]
    if task and await ctx.ledger.reopen(task.id, str(error)):
        log.trouble("part.broken", str(error), job=task.spec.job, task=task.id)
        await ctx.store.delete([part_of(task).key])
