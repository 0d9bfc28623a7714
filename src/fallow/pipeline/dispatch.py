"""Move jobs on: offer their tasks, lease them, plan what has become possible, see when all is done."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from fallow import catalogue, log
from fallow.errors import NotFound, Retryable
from fallow.messages import LeaseGrant, Renewal, Renewed
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.pipeline.ended import failed, of_job
from fallow.pipeline.job_options import PRIORITIES, needs, options_of
from fallow.ports import Message
from fallow.records import Job, Outcome, Setback, Tally, Task, TaskSpec

# Sound first: a track is one long task, so it had better begin early.
ANYWHERE = (TaskKind.AUDIO, TaskKind.TEXT, TaskKind.VIDEO)
_MIB = 1 << 20
LATER = 5.0  # seconds until a task looks again for what it needs
HELD = "held-"  # begins the names of leases whose message is not acknowledged before they end
DOUBT = 2.0  # seconds in which whoever has lost a message, but lives, renews its lease
_ASIDE_COST = 1000.0  # of a split or join: a deadline of many hours, for they take as long as their source is large


Claim = Callable[[Context, Message, str], Awaitable[Task | None]]
"""Leases the task that a message is about to a worker; sees to the message."""


_CLASSES: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.VIDEO: tuple(catalogue.VIDEO),
    TaskKind.AUDIO: tuple(catalogue.AUDIO),
}
"""Encoders that tasks of a kind may need: one queue for each, so that no worker draws what it cannot do."""


def queues(kinds: Sequence[TaskKind], encoders: Collection[str] | None = None) -> list[str]:
    """The queues of these kinds of task for who has these encoders (None: all), the most urgent first."""
    return [
        _queue(kind, encoder, priority)
        for priority in PRIORITIES
        for kind in kinds
        for encoder in ("", *_CLASSES.get(kind, ()))
        if not encoder or encoders is None or encoder in encoders
    ]


def _queue(kind: TaskKind, encoder: str, priority: str) -> str:
    return ".".join(part for part in (kind.value, encoder, priority) if part)


async def announce(ctx: Context, job: Job, tasks: Iterable[Task]) -> None:
    """Wake up who could do these tasks."""
    for task in tasks:
        body = json.dumps({"task": task.id, "cost": task.spec.cost}).encode()
        await ctx.queue.publish(queue_of(job, task), body)


def queue_of(job: Job, task: Task) -> str:
    """Where a task is announced."""
    return _queue(task.spec.kind, task.spec.encoder, options_of(job).priority)


async def advance(ctx: Context, job_id: str) -> None:
    """Do whatever the state of the job's tasks allows next. Safe to call at any time, by anybody, at once."""
    with log.about(job=job_id):
        await ctx.rounds.share(job_id, lambda: _advance(ctx, job_id))


async def advance_after(ctx: Context, task: Task) -> None:
    """What the delivery of a task allows next. Most often others of its rendition are still to be done, and enough
    are queued: to know that takes a glance, however many tasks the job has."""
    pulse = await ctx.ledger.pulse(task, max(1, ctx.policy.window // 4))
    if not pulse.unfinished:
        await advance(ctx, task.spec.job)
    elif pulse.hungry:
        await ctx.rounds.share(f"{task.spec.job} up", lambda: _top_up(ctx, task.spec.job))


async def _top_up(ctx: Context, job_id: str) -> None:
    job = await ctx.ledger.job(job_id)
    if not job.state.ended:
        await announce(ctx, job, await ctx.ledger.admit(job_id, ctx.policy.window))


async def _advance(ctx: Context, job_id: str) -> None:
    job = await ctx.ledger.job(job_id)
    if job.state.ended or job.state is JobState.UPLOADING:
        return
    board = _Board(await ctx.ledger.tally(job_id))
    if board.has(TaskState.DEAD):
        await _bury(ctx, job)
        return
    if job.state is JobState.SPLITTING and board.done(TaskKind.SPLIT, ""):
        await ctx.ledger.move_job(job_id, JobState.ENCODING)
        job = await ctx.ledger.job(job_id)
    if job.state in (JobState.ENCODING, JobState.JOINING) and await _gather(ctx, job, board):
        return
    await announce(ctx, job, await ctx.ledger.admit(job_id, ctx.policy.window))


async def fail_job(ctx: Context, job_id: str, error: str, kind: str) -> None:
    """The job cannot go on; what is finished of it stays for a retry."""
    if await ctx.ledger.move_job(job_id, JobState.FAILED, error, kind):
        log.trouble("job.failed", error, **of_job(ctx, await ctx.ledger.job(job_id)), error_kind=kind)
        ctx.moved.set()


async def tidy(ctx: Context, job: Job) -> None:
    """Delete what nobody needs any more of a finished job: everything but its results."""
    results = {rendition.result.key for rendition in job.renditions if rendition.result}
    found = [facts.key async for facts in ctx.store.list(keys.of_job(job.id))]
    await ctx.store.delete([key for key in found if key not in results])


async def lease(
    ctx: Context, worker: str, wait: float, claim: Claim, encoders: Collection[str] | None = None
) -> LeaseGrant | None:
    """The next task for a worker that has these encoders (None: it does not tell), as a recipe with its links; None
    when there is none for so long."""
    end, offered = ctx.clock.now() + wait, queues(ANYWHERE, encoders)
    while message := await ctx.queue.get(offered, max(0.0, end - ctx.clock.now())):
        if task := await claim(ctx, message, worker):
            with log.about(**task.ids):
                return await _granted(ctx, message, task)
    return None


async def _granted(ctx: Context, message: Message, task: Task) -> LeaseGrant:
    try:
        return await _grant(ctx, task, last=await ctx.ledger.is_last(task.spec.job))
    except asyncio.CancelledError:
        await asyncio.shield(_give_back(ctx, message, task))
        raise


async def _give_back(ctx: Context, message: Message, task: Task) -> None:
    """Whoever asked is gone; what was taken for them goes back at once."""
    await ctx.ledger.give_up(task.lease, Setback("The worker went away.", 0.0, Outcome.CANCELLED))
    await ctx.queue.ack(message)


async def make_again(ctx: Context, spec: TaskSpec) -> None:
    """What a task works on is lost from the store: have the source split again, which stores what is missing."""
    split = next(task for task in await ctx.ledger.tasks(spec.job) if task.spec.kind is TaskKind.SPLIT)
    error = f"{spec.get_key} was lost from the store."
    if split.state is TaskState.DONE and split.attempt > ctx.policy.attempts:
        error += f" So were others before, {split.attempt - 1} times; see that nothing else deletes files there."
        await fail_job(ctx, spec.job, error, "retryable")
    elif await ctx.ledger.reopen(split.id, error):
        log.trouble("object.lost", error, job=spec.job)
    await advance(ctx, spec.job)


async def renew(ctx: Context, lease: str, renewal: Renewal) -> Renewed:
    until = ctx.clock.now() + ctx.policy.lease_seconds
    return Renewed(stop=not await ctx.ledger.renew(lease, until, renewal.frames, renewal.fps))


async def claim(ctx: Context, message: Message, worker: str) -> Task | None:
    """Lease the task that a message is about, and be done with the message; None when it is not to be had."""
    task = await claimed(ctx, message, worker, uuid.uuid4().hex)
    await ctx.queue.ack(message)
    return task


async def claimed(ctx: Context, message: Message, worker: str, lease: str) -> Task | None:
    """Lease the task that a message is about, by that lease; None when somebody else has it, or it is not wanted
    any more. The message is still to be acknowledged, or has gone back when this raises."""
    taking = asyncio.ensure_future(_take(ctx, message, worker, lease))
    try:
        task = await asyncio.shield(taking)
    except asyncio.CancelledError:
        if task := await taking:
            await _give_back(ctx, message, task)
        else:
            await ctx.queue.ack(message)
        raise
    except Exception:
        await ctx.queue.nack(message)
        raise
    if task:
        waited = round(max(0.0, ctx.clock.now() - task.queued_at), 3)
        log.event("task.leased", **task.ids, kind=task.spec.kind.value, attempt=task.attempt, waited=waited)
    return task


async def _take(ctx: Context, message: Message, worker: str, lease: str) -> Task | None:
    try:
        told = json.loads(message.body)
        name, cost = str(told["task"]), told.get("cost")
        if message.deliveries > 1 or cost is None:  # it may not be as it was when the message was sent
            task = await ctx.ledger.task(name)
            if task.state is TaskState.LEASED:
                # Of others' leases a message that comes again says nothing: it should have been acknowledged.
                if task.lease.startswith(HELD):
                    await _doubt(ctx, message, task, told.get("doubted"))
                return None
            cost = task.spec.cost
        now = ctx.clock.now()
        until, deadline = now + ctx.policy.lease_seconds, now + ctx.policy.deadline(float(cost))
    except (ValueError, KeyError, TypeError, AttributeError, NotFound) as error:
        log.trouble("message.stray", str(error), queue=message.queue)
        return None
    return await ctx.ledger.lease(name, lease, worker, until, deadline)


async def _doubt(ctx: Context, message: Message, task: Task, doubted: object) -> None:
    """The message of a leased task has come again: whoever held it has lost its connection, or its life. Nobody
    says which; so it is passed on for a moment, and if the lease was not renewed by then, it is over."""
    known = [task.lease, task.lease_until]
    if doubted == known:
        lost = Setback("The worker was lost.", ctx.clock.now(), Outcome.EXPIRED)
        if task.attempt >= ctx.policy.attempts:
            return  # its end is for the sweeper, who has more to say
        if await ctx.ledger.give_up(task.lease, lost):
            told = await failed(ctx, task, task.lease, lost.outcome, lost.effort, Retryable())
            log.trouble("task.lost", **task.ids, **told, dead=False)
            await advance(ctx, task.spec.job)
    elif message.deliveries > 1:
        body = json.dumps({"task": task.id, "doubted": known}).encode()
        await ctx.queue.publish(message.queue, body, DOUBT)


def part_key(spec: TaskSpec, lease: str) -> str:
    """Where the part of an attempt at a task goes."""
    return keys.part(spec, lease, str(spec.recipe["output"]))


async def _grant(ctx: Context, task: Task, *, last: bool) -> LeaseGrant:
    seconds = ctx.policy.deadline(task.spec.cost)
    get = await ctx.links.get_link(task.spec.get_key, seconds)
    put = await ctx.links.put_link(part_key(task.spec, task.lease), seconds, _most(task.spec))
    return LeaseGrant(
        lease=task.lease,
        task=task.id,
        job=task.spec.job,
        kind=task.spec.kind,
        attempt=task.attempt,
        recipe=task.spec.recipe,
        get_url=get.url,
        get_bytes=task.spec.get_bytes,
        get_sha256=task.spec.get_sha256,
        put_url=put.url,
        renew_seconds=ctx.policy.renew_seconds,
        deadline_seconds=seconds,
        last=last,
        whole_url=put.whole_url,
        whole_headers=dict(put.whole_headers),
        detour_url=get.detour,
    )


def _most(spec: TaskSpec) -> int:
    """Bytes that no honest part of this task exceeds: about what it takes uncompressed."""
    if spec.kind is TaskKind.VIDEO:
        return 16 * _MIB + spec.frames * int(spec.recipe["width"]) * int(spec.recipe["height"]) * 3
    return 256 * _MIB + 32 * spec.get_bytes


async def _gather(ctx: Context, job: Job, board: _Board) -> bool:
    """Plan the joins that have become possible; whether the job is done."""
    for rendition in job.renditions:
        if rendition.result is None and all(board.done(*need) for need in needs(job, rendition)):
            await ctx.ledger.plan([aside(job.id, TaskKind.JOIN, rendition.name)])
    encoded = board.all_done(ANYWHERE)
    if job.state is JobState.ENCODING and encoded:
        await ctx.ledger.move_job(job.id, JobState.JOINING)
    elif job.state is JobState.JOINING and not encoded:  # the join found a part that must be made again
        await ctx.ledger.move_job(job.id, JobState.ENCODING)
    # A result without its task is one whose joiner was stopped before it could say so: another one will.
    joined = all(r.result and board.done(TaskKind.JOIN, r.name) for r in job.renditions)
    if not encoded or not joined:
        return False
    if await ctx.ledger.move_job(job.id, JobState.DONE):
        log.event("job.done", **of_job(ctx, job))
        ctx.moved.set()
        await tidy(ctx, job)
    return True


def aside(job: str, kind: TaskKind, rendition: str) -> TaskSpec:
    """A split or join: done beside the store, by number 0 of its kind and rendition."""
    return TaskSpec(job, kind, rendition, 0, {}, cost=_ASIDE_COST)


async def _bury(ctx: Context, job: Job) -> None:
    for task in await ctx.ledger.tasks(job.id):
        if task.state is TaskState.DEAD:
            await fail_job(ctx, job.id, task.error, "retryable")
            return


class _Board:
    """How far the tasks of a job are."""

    def __init__(self, tallies: Iterable[Tally]) -> None:
        self._states: dict[tuple[TaskKind, str], set[TaskState]] = {}
        for tally in tallies:
            self._states.setdefault((tally.kind, tally.rendition), set()).add(tally.state)

    def has(self, state: TaskState) -> bool:
        return any(state in states for states in self._states.values())

    def done(self, kind: TaskKind, rendition: str) -> bool:
        return self._states.get((kind, rendition)) == {TaskState.DONE}

    def all_done(self, kinds: Sequence[TaskKind]) -> bool:
        return all(states == {TaskState.DONE} for (kind, _), states in self._states.items() if kind in kinds)
