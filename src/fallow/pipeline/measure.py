"""Cut a source and what came of it at the same places, and plan to measure each pair of stretches."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from fallow import catalogue, log
from fallow.errors import BadInput, Conflict, NotFound
from fallow.media.frames import FrameIndex
from fallow.media.probe import Damage, probe
from fallow.media.reader import RangedReader
from fallow.media.result_parts import result_parts
from fallow.media.split import ship_chunks
from fallow.messages import to_wire
from fallow.model import Chunk, JobState, Part, Source, TaskKind
from fallow.pipeline import keys
from fallow.pipeline.arrived import Arrived, Piece, source_reader
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of, profile_of
from fallow.pipeline.local_task import Hold
from fallow.pipeline.recipes import Timeline, chunk_range, context_frames, timeline, video_recipe
from fallow.pipeline.ship import record_chunk, recorded
from fallow.pipeline.store_files import blob
from fallow.profiles import Profile
from fallow.recipe import Against
from fallow.records import Job, Rendition, TaskSpec

GONE = "The source of job {job} is not kept any more, and without it nothing can be measured: encode it again, or \
keep sources for longer (FALLOW_SOURCE_DAYS)."


@dataclass
class Pairs:
    """The stretches of a source and of one of its renditions."""

    job: Job  # that measures
    source: Source
    index: FrameIndex
    profile: Profile
    line: Timeline
    chunks: Sequence[Chunk]  # that the rendition was made of
    parts: dict[int, tuple[str, int]] = field(default_factory=dict)  # container and bytes of what was cut of it

    @property
    def counts(self) -> list[int]:
        """Frames of the rendition, by chunk."""
        return [end - begin for begin, end in (chunk_range(self.line, chunk) for chunk in self.chunks)]

    @property
    def context(self) -> int:
        """Frames that some stretch needs before it, and after it."""
        windows = [(chunk, window(self.line, chunk, len(self.index.pts))) for chunk in self.chunks]
        most = max(max(chunk.lo - lo, hi - chunk.hi) for chunk, (lo, hi) in windows)
        return most + context_frames(self.source, [self.profile])

    def tasks(self, chunk: Chunk) -> list[TaskSpec]:
        """Measure a stretch: one picture more on either side, so that motion is what it is in the whole film."""
        container, size = self.parts[chunk.number]
        lo, hi = window(self.line, chunk, len(self.index.pts))
        around = context_frames(self.source, [self.profile])
        if hi + around >= len(self.index.pts):
            hi = len(self.index.pts)
        wider = dataclasses.replace(chunk, lo=lo, hi=hi, guard=min(around, len(self.index.pts) - hi))
        (first, last), (begin, end) = chunk_range(self.line, wider), chunk_range(self.line, chunk)
        recipe = video_recipe(self.source, self.index, wider, self.profile, self.line)
        recipe = dataclasses.replace(
            recipe,
            output="csv",
            accept_damaged=options_of(self.job).accept_damaged,
            against=Against(container, size, end - begin, begin - first, last - end),
        )
        seconds = float(chunk.frames / self.source.video.average_rate)
        return [
            TaskSpec(
                job=chunk.job,
                kind=TaskKind.VIDEO,
                rendition=self.profile.name,
                number=chunk.number,
                recipe=to_wire(recipe),
                get_key=chunk.key,
                get_bytes=chunk.size,
                get_sha256=chunk.sha256,
                frames=end - begin,
                cost=seconds * recipe.width * recipe.height / 1e6,
                encoder=catalogue.MEASURE,
            )
        ]


def window(line: Timeline, chunk: Chunk, frames: int) -> tuple[int, int]:
    """The source frames of a chunk's pictures, and of the ones before and after them, where there are any."""
    if line.places is None:
        return max(0, chunk.lo - 1), min(frames, chunk.hi + 1)
    places = line.places
    before = bisect_left(places, places[chunk.lo]) - 1  # the last frame of the slot before, or of an earlier one
    return max(0, min(before, chunk.lo)), _after(places, chunk.hi, frames)


def _after(places: Sequence[int], hi: int, frames: int) -> int:
    """The end of the frames in the first slot after a chunk."""
    return bisect_right(places, places[hi]) if hi < frames else frames


def measurable(job: Job, name: str) -> Rendition:
    """The rendition, if it can be measured. Raises NotFound, Conflict."""
    rendition = next((rendition for rendition in job.renditions if rendition.name == name), None)
    if rendition is None:
        raise NotFound(f"The job {job.id} has no rendition {name[:50]}.")
    if options_of(job).measures:
        raise Conflict(f"The job {job.id} is a measurement itself; measure the job that it is about.")
    if rendition.result is None or job.state is not JobState.DONE:
        raise Conflict(f"The rendition {name} of job {job.id} is not finished; the job is {job.state.value}.")
    if rendition.result.damaged:
        raise Conflict(
            f"Some frames of {name} of job {job.id} are left out, as the source is damaged: there is no "
            "telling which frame shows which, so it cannot be measured."
        )
    return rendition


async def split_pairs(ctx: Context, hold: Hold, job: Job) -> Part:
    """The split task of a job that measures."""
    pairs, sources, result = await _opened(ctx, hold, job)
    await ctx.ledger.set_source(job.id, pairs.source)
    known, lost = await recorded(ctx, {chunk.number: chunk for chunk in await ctx.ledger.chunks(job.id)})
    context, points = pairs.context, [*(chunk.lo for chunk in pairs.chunks), len(pairs.index.pts)]
    shipped = ship_chunks(sources, pairs.index, points, context, context, frozenset(known))
    cut = enumerate(result_parts(result, pairs.counts))
    while item := await hold.thread.run(lambda: next(cut, None)):
        number, (container, part) = item
        if number in known:
            continue
        plan, chunk = await hold.thread.run(lambda: next(shipped))
        pairs.parts[number] = container, len(part)
        await record_chunk(ctx, hold, lost.get(number), plan, part + chunk, pairs.tasks)
        hold.frames = plan.hi
    facts = await blob(ctx, hold.thread, keys.index(job.id), "The frame index")
    return Part(keys.index(job.id), facts.size, "", len(pairs.index.pts), "")


async def _opened(ctx: Context, hold: Hold, job: Job) -> tuple[Pairs, RangedReader, RangedReader]:
    measured = await ctx.ledger.job(options_of(job).measures)
    rendition = measurable(measured, job.renditions[0].name)
    if rendition.result is None or measured.source is None:
        raise Conflict(f"The job {measured.id} is not finished.")
    try:
        sources = await source_reader(ctx, hold.thread, job)
    except NotFound:
        raise NotFound(GONE.format(job=measured.id)) from None
    index = await _index(ctx, hold, job, sources)
    if len(index.pts) != measured.source.video.frames:
        raise BadInput(f"The source of job {measured.id} is not what it was when it was encoded: encode it again.")
    result = await _result(ctx, hold, measured, rendition.name, rendition.result.key)
    profile = profile_of(rendition)
    line = timeline(index, profile, measured.source)
    chunks = await ctx.ledger.chunks(measured.id)
    return Pairs(job, measured.source, index, profile, line, chunks), sources, result


async def _result(ctx: Context, hold: Hold, job: Job, name: str, key: str) -> RangedReader:
    """A rendition as one file: a stream's segments, one after the other, are one, too."""
    what = f"The rendition {name}"
    if not options_of(job).streamed:
        return await blob(ctx, hold.thread, key, what)
    folder = f"{TaskKind.VIDEO.value}/{name}/"
    files = [file for file in await ctx.ledger.files(job.id) if file.name.startswith(folder)]
    files = [file for file in files if file.name.endswith((".mp4", ".m4s", ".ts"))]
    files.sort(key=lambda file: (not file.name.endswith(".mp4"), file.name))  # the header first
    ends = accumulate(file.size for file in files)
    pieces = [
        Piece(file.key, end - file.size, file.size, file.sha256) for file, end in zip(files, ends, strict=True)
    ]
    return Arrived(name, tuple(pieces), whole=True).reader(ctx, hold.thread, what)


async def _index(ctx: Context, hold: Hold, job: Job, sources: RangedReader) -> FrameIndex:
    """Made anew: that of the measured job went when it was done."""
    damage = Damage.ACCEPT if options_of(job).accept_damaged else Damage.REFUSE
    _, index = await hold.thread.run(lambda: probe(sources, damage))
    await ctx.store.delete([keys.index(job.id)])
    await ctx.store.put(keys.index(job.id), await hold.thread.run(index.to_bytes))
    log.event("source.probed", job=job.id, frames=len(index.pts))
    return index
