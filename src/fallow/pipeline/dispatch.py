"""Move jobs on: offer their tasks, lease them, plan what has become possible, see when all is done."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from fallow import log
from fallow.errors import NotFound, Retryable, Unavailable
from fallow.messages import LeaseGrant, Renewal, Renewed
from fallow.model import JobKind, JobState, TaskKind, TaskState, piece_of, track_of
from fallow.pipeline import keys
from fallow.pipeline.admission import offer, queues, spare_queues, taken
from fallow.pipeline.context import Context
from fallow.pipeline.ended import failed, of_job
from fallow.pipeline.granting import grant
from fallow.pipeline.job_options import needs, options_of
from fallow.pipeline.rivals import KINDS, hint, join
from fallow.ports import Message
from fallow.records import Job, Outcome, Setback, Tally, Task, TaskSpec

# Sound first: a track is one long task, so it had better begin early.
ANYWHERE = (TaskKind.AUDIO, TaskKind.TEXT, TaskKind.VIDEO)
LATER = 5.0  # seconds until a task looks again for what it needs
HELD = "held-"  # begins the names of leases whose message is not acknowledged before they end
DOUBT = 2.0  # seconds in which whoever has lost a message, but lives, renews its lease
PACKAGE = ""
"""The name of the one join task of a job whose result is a stream."""

_ASIDE_COST = 1000.0  # of a split or join: a deadline of many hours, for they take as long as their source is large


Claim = Callable[[Context, Message, str], Awaitable[Task | None]]
"""Leases the task that a message is about to a worker; sees to the message."""


async def advance(ctx: Context, job_id: str) -> None:
    """Do whatever the state of the job's tasks allows next. Safe to call at any time, by anybody, at once."""
    with log.about(job=job_id):
        await ctx.rounds.share(job_id, lambda: _advance(ctx, job_id))


async def advance_after(ctx: Context, task: Task) -> None:
    """What the delivery of a task allows next. Most often others of its rendition are still to be done, and enough
    are queued: to know that takes a glance, however many tasks the job has."""
    ctx.bell.ring(task.spec.job)
    # The first of them is what a join begins with.
    if piece_of(task.spec.number)[0] == 0 or not await ctx.ledger.unfinished(task):
        await advance(ctx, task.spec.job)


async def _advance(ctx: Context, job_id: str) -> None:
    job = await ctx.ledger.job(job_id)
    if job.state.ended:
        return
    board = _Board(await ctx.ledger.tally(job_id))
    if board.has_any(TaskState.DEAD):
        await _bury(ctx, job)
        return
    if job.state is JobState.SPLITTING and board.done(TaskKind.SPLIT, ""):
        await ctx.ledger.move_job(job_id, JobState.ENCODING)
        job = await ctx.ledger.job(job_id)
    await _plan_joins(ctx, job, board)
    if job.state in (JobState.ENCODING, JobState.JOINING) and await _gather(ctx, job, board):
        return
    await offer(ctx, job)
    if not board.waits(ANYWHERE):
        await hint(ctx, job)


async def fail_job(ctx: Context, job_id: str, error: str, kind: str) -> None:
    """The job cannot go on; what is finished of it stays for a retry."""
    if await ctx.ledger.move_job(job_id, JobState.FAILED, error, kind):
        log.trouble("job.failed", error, **of_job(ctx, await ctx.ledger.job(job_id)), error_kind=kind)
        ctx.moved.set()


async def tidy(ctx: Context, job: Job) -> None:
    """Delete what nobody needs any more of a finished job."""
    found = [facts.key async for facts in ctx.store.list(keys.of_job(job.id))]
    await ctx.store.delete(await needless(ctx, job, found))


async def needless(ctx: Context, job: Job, present: Iterable[str]) -> list[str]:
    """Those keys of a finished job's objects that nobody needs: all but its results, and its source for a while."""
    results = await _results_of(ctx, job)
    compared = ctx.clock.now() < job.updated + ctx.policy.source_seconds
    return [key for key in present if key not in results and not (compared and keys.is_source(key))]


async def _results_of(ctx: Context, job: Job) -> set[str]:
    files = await ctx.ledger.files(job.id) if options_of(job).streamed else []
    return {file.key for file in files} | {r.result.key for r in job.renditions if r.result}


async def lease(
    ctx: Context,
    worker: str,
    wait: float,
    claim: Claim,
    encoders: Collection[str] | None = None,
    begin_in: float = 0.0,
) -> LeaseGrant | None:
    """The next task for a worker that has these encoders (None: it does not tell) and can begin in so many seconds,
    as a recipe with its links; None when there is none for so long."""
    found = await drawn(ctx, worker, wait, claim, offered(encoders, begin_in))
    if found is None:
        return None
    try:
        return await grant(ctx, found[1])
    except asyncio.CancelledError:
        await asyncio.shield(give_back(ctx, *found))
        raise


def offered(encoders: Collection[str] | None, begin_in: float) -> list[str]:
    """The queues of what a worker can do; who is still at something else is told of nothing that others are at."""
    spare = spare_queues(KINDS, encoders) if begin_in <= 0 else []
    return queues(ANYWHERE, encoders) + spare


async def drawn(
    ctx: Context,
    worker: str,
    wait: float,
    claim: Claim,
    queues: Sequence[str],
) -> tuple[Message, Task] | None:
    """The next task of these queues, leased, with its message."""
    end = ctx.clock.now() + wait
    while message := await ctx.queue.get(queues, max(0.0, end - ctx.clock.now())):
        if task := await claim(ctx, message, worker):
            return message, task
    return None


async def give_back(ctx: Context, message: Message | None, task: Task) -> None:
    """Whoever asked is gone; what was taken for them goes back at once."""
    await ctx.ledger.give_up(task.lease, Setback("The worker went away.", 0.0, Outcome.CANCELLED))
    if message is not None:
        await ctx.queue.ack(message)


def leased(ctx: Context, task: Task) -> None:
    """Note who has it."""
    ctx.granted.note(task, ctx.clock.now())
    waited = round(max(0.0, ctx.clock.now() - task.queued_at), 3)
    log.event("task.leased", **task.ids, kind=task.spec.kind.value, attempt=task.attempt, waited=waited)


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
    taken(ctx, message.queue)
    taking = asyncio.ensure_future(_take(ctx, message, worker, lease))
    try:
        task = await asyncio.shield(taking)
    except asyncio.CancelledError:
        if task := await taking:
            await give_back(ctx, message, task)
        else:
            await ctx.queue.ack(message)
        raise
    except Exception:
        await ctx.queue.nack(message)
        raise
    if task:
        leased(ctx, task)
    return task


async def _take(ctx: Context, message: Message, worker: str, lease: str) -> Task | None:
    try:
        told = json.loads(message.body)
        if "rival" in told:
            return await join(ctx, message, told, worker, lease.removeprefix(HELD))
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


async def _plan_joins(ctx: Context, job: Job, board: _Board) -> None:
    """A join begins with its first part, so that little is left to do after the last; those that have all their
    parts are not kept waiting."""
    if options_of(job).streamed:
        await _plan_package(ctx, job, board)
        return
    for rendition in job.renditions if job.source else ():
        name, wanted = rendition.name, needs(job, rendition)
        whole = job.state is not JobState.SPLITTING and all(board.done(*need) for need in wanted)
        if rendition.result is not None:
            continue
        if board.has(TaskState.PLANNED, TaskKind.JOIN, name):
            if whole:
                await ctx.ledger.hasten(job.id, TaskKind.JOIN, name)
        elif not board.knows(TaskKind.JOIN, name) and (whole or await _may_begin(ctx, job, wanted, board)):
            await ctx.ledger.plan([aside(job.id, TaskKind.JOIN, name)])


async def _plan_package(ctx: Context, job: Job, board: _Board) -> None:
    """All renditions of a stream are one piece of work, which begins with the first chunk and goes on with each."""
    waits, begun = board.has(TaskState.PLANNED, TaskKind.JOIN, PACKAGE), board.knows(TaskKind.JOIN, PACKAGE)
    if (begun and not waits) or not await _grows(ctx, job, board):
        return
    if waits:
        await ctx.ledger.hasten(job.id, TaskKind.JOIN, PACKAGE)
    else:
        await ctx.ledger.plan([aside(job.id, TaskKind.JOIN, PACKAGE)])


async def _grows(ctx: Context, job: Job, board: _Board) -> bool:
    """Whether something can be added to a stream."""
    wanted = {need for rendition in job.renditions for need in needs(job, rendition)}
    if wanted and job.state is not JobState.SPLITTING and all(board.done(*need) for need in wanted):
        return True
    newest = await ctx.ledger.newest_package(job.id)
    chunks, tracks = (newest.chunks, newest.number + 1 - newest.chunks) if newest else (0, 0)
    if chunks and tracks < await _audible(ctx, job.id):
        return True
    # While the source comes, the ledger does not say which renditions it is too small for.
    names = [r.name for r in job.renditions if job.source or board.knows(TaskKind.VIDEO, r.name)]
    found = [await ctx.ledger.prefix(job.id, name, chunks, 1) for name in names]
    return bool(found) and all(found)


async def _audible(ctx: Context, job_id: str) -> int:
    """How many tracks are there, and sections of such with all before them."""
    known: dict[tuple[TaskKind, str, int], set[int | None]] = {}
    for task in await ctx.ledger.tasks(job_id, (TaskKind.AUDIO, TaskKind.TEXT)):
        if task.state is TaskState.DONE:
            index, section = track_of(task.spec.number)
            known.setdefault((task.spec.kind, task.spec.rendition, index), set()).add(section)
    count = 0
    for sections in known.values():
        count += None in sections
        count += next(n for n in itertools.count() if n not in sections)
    return count


async def _may_begin(ctx: Context, job: Job, wanted: Sequence[tuple[TaskKind, str]], board: _Board) -> bool:
    """Whether there is enough for the beginning of a file, and a joiner that has nothing better to do."""
    video, *tracks = wanted
    if JobKind.of(job.id) is JobKind.QUALITY:
        return False
    if not board.has(TaskState.DONE, *video) or not all(board.done(*track) for track in tracks):
        return False
    if not await ctx.ledger.prefix(job.id, video[1], 0, 1):
        return False
    try:
        return not any((await ctx.queue.depths(queues([TaskKind.JOIN]))).values())
    except Unavailable:
        return False


async def _gather(ctx: Context, job: Job, board: _Board) -> bool:
    """Whether the job is done."""
    encoded = board.all_done(ANYWHERE)
    if job.state is JobState.ENCODING and encoded:
        await ctx.ledger.move_job(job.id, JobState.JOINING)
    elif job.state is JobState.JOINING and not encoded:  # the join found a part that must be made again
        await ctx.ledger.move_job(job.id, JobState.ENCODING)
    # A result without its task is one whose joiner was stopped before it could say so: another one will.
    joins = [PACKAGE] if options_of(job).streamed else [rendition.name for rendition in job.renditions]
    joined = all(r.result for r in job.renditions) and all(board.done(TaskKind.JOIN, name) for name in joins)
    if not encoded or not joined:
        return False
    if await ctx.ledger.move_job(job.id, JobState.DONE):
        log.event("job.done", **of_job(ctx, job))
        ctx.moved.set()
        await tidy(ctx, await ctx.ledger.job(job.id))
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

    def has_any(self, state: TaskState) -> bool:
        return any(state in states for states in self._states.values())

    def has(self, state: TaskState, kind: TaskKind, rendition: str) -> bool:
        return state in self._states.get((kind, rendition), ())

    def knows(self, kind: TaskKind, rendition: str) -> bool:
        return (kind, rendition) in self._states

    def done(self, kind: TaskKind, rendition: str) -> bool:
        return self._states.get((kind, rendition)) == {TaskState.DONE}

    def waits(self, kinds: Sequence[TaskKind]) -> bool:
        """Whether tasks of these kinds wait for a worker."""
        waiting = {TaskState.PLANNED, TaskState.QUEUED}
        return any(states & waiting for (kind, _), states in self._states.items() if kind in kinds)

    def all_done(self, kinds: Sequence[TaskKind]) -> bool:
        return all(states == {TaskState.DONE} for (kind, _), states in self._states.items() if kind in kinds)
