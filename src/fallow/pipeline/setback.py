"""What a failed attempt means: another one later, or the end of its job."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fallow import log
from fallow.errors import (
    Cancelled,
    DamagedSource,
    FallowError,
    NotFound,
    Rejected,
    Retryable,
    SourceAway,
    StorageFull,
)
from fallow.media.frames import FrameIndex
from fallow.messages import from_wire
from fallow.model import Chunk, Effort, TaskKind, piece_of
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import LATER, advance, fail_job, make_again
from fallow.pipeline.ended import failed
from fallow.recipe import VideoRecipe
from fallow.records import UNTIL_WOKEN, Freed, Outcome, Setback, Task, TaskSpec


@dataclass(frozen=True)
class Blow:
    """How an attempt went wrong."""

    error: Exception
    outcome: Outcome = Outcome.FAILED
    counted: int | None = None  # frames found, when their number was the trouble
    effort: Effort = field(default_factory=Effort)


class NotYet(Retryable):
    """What the task needs is not there yet; that is no failure of its attempt."""


class GiveWay(NotYet):
    """What the task waits for takes long, and others need its place."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds  # until it should look again, unless somebody hastens it


class Lost(NotYet):
    """What the task works on is lost from the store; it is made again."""


class Waits(NotYet):
    """What the task waits for may take long, or never come: whoever sees it come wakes the task."""

    def __init__(self, reason: str, came: Callable[[], Awaitable[object]]) -> None:
        super().__init__(reason)
        self.came = came  # to be called when the task is put off: wakes it if what it waits for came meanwhile


async def put_off(ctx: Context, task: Task, wait: Waits) -> None:
    """End an attempt that has nothing to do now; it is not counted."""
    if await ctx.ledger.give_up(task.lease, Setback(str(wait), UNTIL_WOKEN, Outcome.CANCELLED)):
        told = await failed(ctx, task, task.lease, Outcome.CANCELLED, Effort(), wait)
        log.event("task.waits", **told, why=str(wait))
        await wait.came()
        await advance(ctx, task.spec.job)


async def set_back(ctx: Context, task: Task, lease: str, blow: Blow) -> None:
    """End the attempt, and with it the job when trying again cannot help or was tried often enough."""
    with log.about(**{**task.ids, "lease": lease}):
        await _set_back(ctx, task, lease, blow)


async def _set_back(ctx: Context, task: Task, lease: str, blow: Blow) -> None:
    error = await _verdict(ctx, task, lease, blow)
    outcome = Outcome.CANCELLED if isinstance(error, (Cancelled, NotYet)) else blow.outcome
    retry_at = _retry_at(ctx, task, error)
    if blow.outcome is Outcome.EXPIRED and retry_at is not None:
        retry_at = ctx.clock.now()  # nothing is wrong with the task, and it has waited long enough
    told = "" if isinstance(error, GiveWay) else str(error)
    setback = Setback(told, retry_at, outcome, blow.counted, blow.effort)
    freed = await ctx.ledger.give_up(lease, setback)
    if not freed:
        return
    if isinstance(error, GiveWay):
        log.event("task.waits", seconds=error.seconds)
        return
    facts = await failed(ctx, task, lease, outcome, blow.effort, error)
    dead = retry_at is None and freed is Freed.TASK
    log.trouble("task.failed", told, **facts, dead=dead)
    if freed is Freed.RIVAL:
        return
    if retry_at is None:
        kind = error.kind if isinstance(error, FallowError) else "retryable"
        await fail_job(ctx, task.spec.job, str(error), kind)
    elif isinstance(error, Lost) and await _is_missed(ctx, task):
        await make_again(ctx, task.spec)
    else:
        await advance(ctx, task.spec.job)


def _retry_at(ctx: Context, task: Task, error: Exception) -> float | None:
    now = ctx.clock.now()
    if isinstance(error, Cancelled):
        return now + 1.0
    if isinstance(error, GiveWay):
        return now + max(LATER, error.seconds)
    if isinstance(error, NotYet):
        return now + LATER
    if isinstance(error, Rejected) or task.attempt >= ctx.policy.attempts:
        return None
    if isinstance(error, StorageFull):
        ctx.full.set()
        ctx.moved.set()
        return now + ctx.policy.space_back_off(task.attempt)
    if isinstance(error, SourceAway):
        return now + ctx.policy.away_back_off(task.attempt)
    return now + ctx.policy.back_off(task.attempt)


async def _verdict(ctx: Context, task: Task, lease: str, blow: Blow) -> Exception:
    """The error, or what is behind it: a lost object, or a damaged source, when two attempts counted the same wrong
    number of frames."""
    if await _lost(ctx, task.spec, blow):
        return Lost()
    if blow.counted is None or task.spec.kind is not TaskKind.VIDEO or blow.counted == task.spec.frames:
        return blow.error
    for attempt in await ctx.ledger.attempts(task.spec.job):
        if attempt.task == task.id and attempt.lease != lease and attempt.counted == blow.counted:
            return await _damage(ctx, task, blow.counted)
    return blow.error


async def _lost(ctx: Context, spec: TaskSpec, blow: Blow) -> bool:
    if not spec.get_key or blow.outcome is not Outcome.FAILED or not isinstance(blow.error, Retryable):
        return False
    return not await ctx.holds(spec.get_key, spec.get_bytes)


async def _is_missed(ctx: Context, task: Task) -> bool:
    """Whether what an attempt did not find is what the task is about still: it may be made again by now."""
    with contextlib.suppress(NotFound):  # the job may be gone
        return (await ctx.ledger.task(task.id)).spec.get_key == task.spec.get_key
    return False


async def _damage(ctx: Context, task: Task, counted: int) -> DamagedSource:
    chunk = next(c for c in await ctx.ledger.chunks(task.spec.job) if c.number == piece_of(task.spec.number)[0])
    facts = await ctx.store.stat(keys.index(task.spec.job))
    where = f"chunk {chunk.number}"
    if facts is not None:
        where = between(FrameIndex.from_bytes(await ctx.store.read(facts.key, 0, facts.size)), chunk)
    accepted = from_wire(VideoRecipe, (await ctx.ledger.task(task.id)).spec.recipe).accept_damaged
    remedy = "nothing of it is left to encode" if accepted else "--accept-damaged encodes the rest"
    told = f"{task.spec.frames - counted} of {task.spec.frames} frames cannot be decoded"
    if counted > task.spec.frames:
        told = f"its {task.spec.frames} frames decode to {counted}"
    return DamagedSource(f"Between {where} the source is damaged: {told}; {remedy}.")


def between(index: FrameIndex, chunk: Chunk) -> str:
    """When a chunk begins and ends, for people."""
    times = index.times()
    begin, end = times[chunk.lo], times[min(chunk.hi, len(times) - 1)]
    return f"{_clock(float(begin * index.time_base))} and {_clock(float(end * index.time_base))}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:06.3f}"
