"""Take in what workers deliver: nothing counts before it was looked at, and of each task only the first does."""

from __future__ import annotations

import contextlib

from fallow import log
from fallow.errors import BrokenPart, Cancelled, Conflict, Forbidden, NotFound, Rejected, Retryable, StorageFull
from fallow.media.inspect import inspect_track, inspect_video
from fallow.media.reader import RangedReader
from fallow.messages import Delivery, Failure, Receipt
from fallow.model import Part, TaskKind, TaskState
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, part_key
from fallow.pipeline.setback import Blow, set_back
from fallow.pipeline.store_files import Thread, blob, sha256
from fallow.ports import Attempt, Outcome, Task, TaskSpec

_KINDS = {"rejected": Rejected, "cancelled": Cancelled}


class WrongCount(BrokenPart):
    """A part does not have the frames that it should have."""

    def __init__(self, message: str, counted: int) -> None:
        super().__init__(message)
        self.counted = counted


async def deliver(ctx: Context, worker: str, lease: str, delivery: Delivery) -> Receipt:
    """Verify and commit a part. Raises BrokenPart when it is refused, Conflict when its job has ended."""
    attempt, task = await _of(ctx, worker, lease)
    key = part_key(task.spec, lease)
    if task.state is TaskState.DONE:
        return await _late(ctx, task, lease, key, delivery)
    try:
        part = await _verified(ctx, task.spec, key, delivery)
        first = await ctx.ledger.commit(lease, part, delivery.effort)
    except BrokenPart as error:
        await ctx.store.delete([key])
        counted = error.counted if isinstance(error, WrongCount) else None
        await set_back(ctx, task, lease, Blow(error, counted=counted, effort=delivery.effort))
        raise
    except Conflict:
        await ctx.store.delete([key])
        raise
    if not first:
        return await _late(ctx, task, lease, key, delivery)
    log.event("part.accepted", task=task.id, worker=worker, attempt=attempt.number, frames=part.frames)
    ctx.moved.set()
    await advance(ctx, task.spec.job)
    return Receipt(first=True)


async def fail(ctx: Context, worker: str, lease: str, failure: Failure) -> None:
    """A worker says that its attempt failed, and why."""
    _, task = await _of(ctx, worker, lease)
    key = part_key(task.spec, lease)
    await ctx.store.delete([key])
    error = _KINDS.get(failure.kind, Retryable)(failure.message[:2000])
    if full := ctx.refused.pop(key, None):
        error = StorageFull(full)  # ours, whatever it looked like from there
    await set_back(ctx, task, lease, Blow(error, Outcome.FAILED, failure.frames, failure.effort))


async def _of(ctx: Context, worker: str, lease: str) -> tuple[Attempt, Task]:
    attempt = await ctx.ledger.attempt(lease)
    if attempt.worker != worker:
        raise Forbidden("This lease is another worker's.")
    return attempt, await ctx.ledger.task(attempt.task)


async def _late(ctx: Context, task: Task, lease: str, key: str, delivery: Delivery) -> Receipt:
    """Another delivery of the task was first, or this very one was and its answer got lost."""
    done = (await ctx.ledger.task(task.id)).part
    if done is not None and done.key != key:
        await ctx.store.delete([key])
        loser = Part(key, delivery.size, delivery.sha256, delivery.frames, done.headers)
        with contextlib.suppress(Conflict):  # the job may have ended meanwhile
            await ctx.ledger.commit(lease, loser, delivery.effort)
        log.event("part.late", task=task.id)
    return Receipt(first=False)


async def _verified(ctx: Context, spec: TaskSpec, key: str, delivery: Delivery) -> Part:
    thread = Thread()
    try:
        reader = await blob(ctx, thread, key, "The delivered part")
    except NotFound:
        raise BrokenPart("The part was not uploaded, or not to its end.") from None
    return await thread.run(lambda: _inspected(reader, spec, key, delivery))


def _inspected(reader: RangedReader, spec: TaskSpec, key: str, delivery: Delivery) -> Part:
    if reader.size != delivery.size:
        raise BrokenPart(f"The part has {reader.size} bytes instead of the {delivery.size} that were announced.")
    if sha256(reader) != delivery.sha256:
        raise BrokenPart("The part's bytes are not those that were announced: its SHA-256 differs.")
    inspect = inspect_video if spec.kind is TaskKind.VIDEO else inspect_track
    facts = inspect(reader, keys.container_of(key))
    damaged = _damaged(spec, facts.frames)
    return Part(key, reader.size, delivery.sha256, facts.frames, facts.headers, damaged)


def _damaged(spec: TaskSpec, frames: int) -> bool:
    """Whether the part has fewer frames than it should, and that is accepted."""
    if not spec.frames or frames == spec.frames:
        return False
    if bool(spec.recipe.get("accept_damaged")) and 0 < frames < spec.frames:
        return True
    raise WrongCount(f"The part holds {frames} frames instead of {spec.frames}.", frames)
