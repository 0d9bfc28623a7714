"""Take in what workers deliver: nothing counts before it was looked at, and of each task only the first does."""

from __future__ import annotations

import contextlib
import dataclasses
from fractions import Fraction

from fallow import log
from fallow.errors import (
    BrokenPart,
    Cancelled,
    Conflict,
    Forbidden,
    Misfit,
    NotFound,
    Rejected,
    Retryable,
    StorageFull,
)
from fallow.ffmpeg.quality import MODEL
from fallow.media.inspect import PartFacts, inspect_track, inspect_video
from fallow.messages import Delivery, Failure, Receipt, from_wire
from fallow.model import Part, TaskKind
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance_after
from fallow.pipeline.ended import facts
from fallow.pipeline.granting import part_key
from fallow.pipeline.proven import Fetch, fetched, proven
from fallow.pipeline.scores import table
from fallow.pipeline.sections import first_packet
from fallow.pipeline.setback import Blow, set_back
from fallow.pipeline.store_files import Thread
from fallow.recipe import AudioRecipe, VideoRecipe
from fallow.records import Outcome, Task, TaskSpec

_SMALL = 64 << 10
"""Bytes of a part whose packets are seen through in few milliseconds: a thread, which contends with the event loop
for the interpreter, would take several times as long when much is delivered."""
_FAULT_LENGTH = 200  # characters that anybody reads
_KINDS = {"rejected": Rejected, "cancelled": Cancelled}
_SLACK = Fraction(2, 1000)  # seconds: Matroska rounds times to thousandths, on the way in and on the way out
_WRAP = Fraction(1 << 33, 90000)  # seconds after which MPEG-TS counts anew


class WrongCount(BrokenPart):
    """A part does not have the frames that it should have."""

    def __init__(self, message: str, counted: int) -> None:
        super().__init__(message)
        self.counted = counted


async def deliver(ctx: Context, worker: str, lease: str, delivery: Delivery) -> Receipt:
    """Verify and commit a part. Raises BrokenPart when it is refused, Conflict when its job has ended."""
    async with ctx.turn(lease):
        task, began = await _of(ctx, worker, lease)
        with log.about(**task.ids):
            if not await _counts(ctx, task, began, delivery):
                return Receipt(first=False)
    ctx.moved.set()
    await advance_after(ctx, task)
    return Receipt(first=True)


async def _counts(ctx: Context, task: Task, began: float, delivery: Delivery) -> bool:
    """Whether the delivery is the first of its task."""
    if task.part is not None:
        return await _late(ctx, task, task.part, began, delivery)
    return await _committed(ctx, task, began, delivery)


async def fail(ctx: Context, worker: str, lease: str, failure: Failure) -> None:
    """A worker says that its attempt failed, and why."""
    async with ctx.turn(lease):
        task, _ = await _of(ctx, worker, lease)
        key = part_key(task.spec, lease)
        await _discard(ctx, task, key)
        error = _KINDS.get(failure.kind, Retryable)(failure.message[:2000])
        if full := ctx.refused.pop(key, None):
            error = StorageFull(full)  # ours, whatever it looked like from there
        await set_back(ctx, task, lease, Blow(error, Outcome.FAILED, failure.frames, failure.effort))


async def _committed(ctx: Context, task: Task, began: float, delivery: Delivery) -> bool:
    """Whether the part is the first of its task, which it can only be when it is good."""
    key = part_key(task.spec, task.lease)
    try:
        part = await _verified(ctx, task.spec, key, delivery)
        first = await ctx.ledger.commit(task.lease, part, delivery.effort)
    except (BrokenPart, Conflict) as error:
        # What this process knows of the task may be old. If it is done, its job may be, too, and its other parts
        # tidied away, or about to be.
        if done := (await ctx.ledger.task(task.id)).part:
            return await _late(ctx, task, done, began, delivery)
        await ctx.store.delete([key])
        if isinstance(error, Misfit):
            ctx.misfits.note(task, delivery.effort.encoder, ctx.clock.now())
        if isinstance(error, BrokenPart):
            counted = error.counted if isinstance(error, WrongCount) else None
            await set_back(ctx, task, task.lease, Blow(error, counted=counted, effort=delivery.effort))
        raise
    if first:
        log.event("part.accepted", **facts(ctx, task, Outcome.DELIVERED, began, delivery.effort))
        return True
    await _discard(ctx, task, key)
    log.event("part.late", **facts(ctx, task, Outcome.LATE, began, delivery.effort))
    return False


async def _of(ctx: Context, worker: str, lease: str) -> tuple[Task, float]:
    """The task of a lease as this attempt at it sees it, whoever has it now; and when the attempt began."""
    if known := ctx.granted.take(lease):
        task, started = known
    else:
        attempt, task = await ctx.ledger.held(lease)
        task = dataclasses.replace(task, lease=lease, worker=attempt.worker, attempt=attempt.number)
        started = attempt.started
    if task.worker != worker:
        raise Forbidden("This lease is another worker's.")
    return task, started


async def _late(ctx: Context, task: Task, done: Part, began: float, delivery: Delivery) -> bool:
    """Another delivery of the task was first, or this very one was and its answer got lost."""
    key = part_key(task.spec, task.lease)
    if done.key != key:
        await ctx.store.delete([key])
        loser = Part(key, delivery.size, delivery.sha256, delivery.frames, done.headers)
        with contextlib.suppress(Conflict):  # the job may have ended meanwhile
            await ctx.ledger.commit(task.lease, loser, delivery.effort)
        log.event("part.late", **facts(ctx, task, Outcome.LATE, began, delivery.effort))
    return False


async def _discard(ctx: Context, task: Task, key: str) -> None:
    """Delete what an attempt uploaded, unless that counts: a worker may call its own delivery a failure."""
    part = (await ctx.ledger.task(task.id)).part
    if part is None or part.key != key:
        await ctx.store.delete([key])


async def _verified(ctx: Context, spec: TaskSpec, key: str, delivery: Delivery) -> Part:
    thread = Thread()
    async with ctx.looks:
        try:
            fetch = await fetched(ctx, thread, key, delivery.size)
            if delivery.size < _SMALL:
                return _inspected(fetch, spec, key, delivery)
            return await thread.run(lambda: _inspected(fetch, spec, key, delivery))
        except NotFound:
            raise BrokenPart("The part was not uploaded, or not to its end.") from None


def _inspected(fetch: Fetch, spec: TaskSpec, key: str, delivery: Delivery) -> Part:
    reader = proven(fetch, delivery.size, delivery.sha256, "The part")
    container = keys.container_of(key)
    if spec.kind is not TaskKind.VIDEO:
        track = inspect_track(reader, container)
        if spec.kind is TaskKind.AUDIO:
            _check_section(from_wire(AudioRecipe, spec.recipe), track)
        return Part(key, reader.size, delivery.sha256, track.frames, track.headers)
    recipe = from_wire(VideoRecipe, spec.recipe)
    if recipe.against is not None:
        scored = len(table(reader.read(-1), recipe))
        return Part(key, reader.size, delivery.sha256, scored, MODEL)
    facts = inspect_video(reader, container)
    damaged = _damaged(spec, facts.frames)
    if delivery.frames != facts.frames:
        raise BrokenPart(f"The part holds {facts.frames} frames, but {delivery.frames} were announced.")
    _check_fit(recipe, facts)
    fault = delivery.fault[:_FAULT_LENGTH]
    return Part(key, reader.size, delivery.sha256, facts.frames, facts.headers, damaged, fault)


def _damaged(spec: TaskSpec, frames: int) -> bool:
    """Whether the part has fewer frames than it should, and that is accepted."""
    if not spec.frames or frames == spec.frames:
        return False
    if bool(spec.recipe.get("accept_damaged")) and 0 < frames < spec.frames:
        return True
    raise WrongCount(f"The part holds {frames} frames instead of {spec.frames}.", frames)


def _check_section(recipe: AudioRecipe, facts: PartFacts) -> None:
    """Refuse a section that would leave a gap, or overlap with its neighbours."""
    if recipe.section is None or not recipe.sample_rate:
        return
    begin, wanted, packets = facts.begin, first_packet(recipe.section, recipe.sample_rate), recipe.section.packets
    if begin != wanted:
        raise BrokenPart(f"The section begins at {float(begin):.6f} s instead of {float(wanted):.6f} s.")
    if facts.frames != (packets or facts.frames):
        raise BrokenPart(f"The section holds {facts.frames} packets instead of {packets}.")


def _check_fit(recipe: VideoRecipe, facts: PartFacts) -> None:
    """Refuse the part of another chunk or another rendition, which is whole but not what this task asked for."""
    if (facts.width, facts.height) != (recipe.width, recipe.height):
        size, wanted = f"{facts.width}x{facts.height}", f"{recipe.width}x{recipe.height}"
        raise BrokenPart(f"The part's pictures are {size} instead of {wanted}: it is of another rendition.")
    if facts.frames == recipe.frames and (lacking := set(recipe.keys) - facts.keys):
        raise BrokenPart(
            f"The part has no key frame at frame {min(lacking)}, where a segment begins: the worker's FFmpeg makes "
            f"none on demand with {recipe.encoder.codec}; update it."
        )
    first, end = _span(recipe)
    if end is not None and (facts.begin - first + _SLACK) % _WRAP >= end - first + _SLACK:
        begin, wanted = f"{float(facts.begin):.3f} s", f"{float(first):.3f} s"
        raise BrokenPart(f"The part begins at {begin} instead of {wanted}: it is of another chunk.")


def _span(recipe: VideoRecipe) -> tuple[Fraction, Fraction | None]:
    """Between which times of the part its first frame lies, even if the source has lost some; None: no end."""
    if recipe.retime is not None:
        rate, first = recipe.retime.rate, recipe.retime.first
        return first / rate, (first + recipe.frames) / rate
    return recipe.start, recipe.mark if recipe.guard else recipe.end
