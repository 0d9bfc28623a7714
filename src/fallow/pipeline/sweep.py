"""Put right what nobody else does: lost workers, lost messages, jobs that stand still, objects that nobody owns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fallow import log
from fallow.errors import Cancelled, NotFound, Retryable
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline import keys
from fallow.pipeline.admission import announce, queue_of
from fallow.pipeline.arrived import has_source
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance, needless
from fallow.pipeline.ended import of_job
from fallow.pipeline.receive import is_fetched, start
from fallow.pipeline.resumable import abandoned, finish_if_all_came
from fallow.pipeline.setback import Blow, set_back
from fallow.pipeline.submit import forget
from fallow.ports import DEAD, Message
from fallow.records import Job, Outcome, Task

MOST_DEAD = 100  # messages in one round


async def recover(ctx: Context, home: str) -> None:
    """After this process was down, however it went: what its own workers were at is to be had by all again."""
    for task in await ctx.ledger.leases_at(home):
        await set_back(ctx, task, task.lease, Blow(Cancelled("The platform was restarted.")))


async def announce_all(ctx: Context) -> None:
    """The queue began empty: tell it of all tasks that are to be had."""
    await _announce(ctx, await ctx.ledger.overdue(ctx.clock.now() + 1))


async def give_back(ctx: Context, worker: str, error: Exception) -> None:
    """A worker of this process is known to have ended: free what it was at, without waiting for its lease."""
    for task in await ctx.ledger.leases_at(worker):
        await set_back(ctx, task, task.lease, Blow(error, Outcome.EXPIRED))


async def sweep(ctx: Context) -> None:
    """One round over what is under way; cheap enough to do every few seconds."""
    silence = f"The worker was not heard of for {ctx.policy.lease_seconds:g} s."
    for task in await ctx.ledger.expired(ctx.clock.now()):
        await set_back(ctx, task, task.lease, Blow(Retryable(silence), Outcome.EXPIRED))
    for job_id in await ctx.ledger.unfinished_jobs():
        await advance(ctx, job_id)
    await _announce_lost(ctx)


async def sweep_dead(ctx: Context) -> int:
    """Announce the tasks anew whose messages came back too often, if they are to be had; how many messages."""
    count = 0
    while count < MOST_DEAD and (message := await ctx.queue.get([DEAD], 0.0)):
        try:
            await _announce_anew(ctx, message)
        except BaseException:
            await ctx.queue.nack(message)
            raise
        await ctx.queue.ack(message)
        count += 1
    return count


async def sweep_uploads(ctx: Context) -> int:
    """Start the jobs whose source is there, though whoever received it died before it could; remove those whose
    source will not come, as nothing of it did for long. How many were removed."""
    before, count = ctx.clock.now() - ctx.policy.upload_wait, 0
    for job_id in await ctx.ledger.unfinished_jobs():
        job = await ctx.ledger.job(job_id)
        if job.state is JobState.SPLITTING:
            await ctx.ledger.wake(job_id, TaskKind.SPLIT)
        if job.state is not JobState.UPLOADING:
            continue
        if await has_source(ctx, job):
            await start(ctx, job_id)
        elif abandoned(ctx, job) and await finish_if_all_came(ctx, job_id):
            log.event("upload.finished", job=job_id)
        elif job.updated < before and await is_fetched(ctx, job_id):
            continue  # its turn will come
        elif job.updated < before and await ctx.ledger.move_job(job_id, JobState.CANCELLED):
            log.event("job.abandoned", **of_job(ctx, job))
            await forget(ctx, job_id)
            count += 1
    return count


async def sweep_objects(ctx: Context) -> int:
    """Delete objects that nobody will ask for; how many. Lists the whole store, so do it rarely."""
    found: dict[str, list[str]] = {}
    async for facts in ctx.store.list("jobs/"):
        found.setdefault(keys.job_of(facts.key), []).append(facts.key)
    count = 0
    for job_id, present in found.items():
        if orphans := await _orphans(ctx, job_id, present):
            await ctx.store.delete(orphans)
            log.event("objects.deleted", job=job_id, objects=len(orphans))
            count += len(orphans)
    return count + await ctx.store.clear_leftovers()


async def _announce_anew(ctx: Context, message: Message) -> None:
    try:
        task = await ctx.ledger.task(str(json.loads(message.body)["task"]))
    except (ValueError, KeyError, TypeError, NotFound) as error:
        log.trouble("message.dead", f"A message that is about no task is dropped: {error!r}.")
        return
    wanted = task.state is TaskState.QUEUED  # one that is leased is announced when its lease runs out
    told = "its task is announced anew" if wanted else f"its task is {task.state.value}"
    log.trouble("message.dead", f"A message came back too often; {told}.", **task.ids)
    if wanted:
        await _announce(ctx, [task])


async def _announce_lost(ctx: Context) -> None:
    """Tasks whose messages got lost: most often whoever queued them died before it could tell the queue."""
    now = ctx.clock.now()
    late = await _by_queue(ctx, await ctx.ledger.overdue(now - ctx.policy.message_seconds))
    if not late:
        return
    depths = await ctx.queue.depths(sorted(late))
    # Looked at after the messages: a task whose message is just being taken counts as little as that.
    waiting = await _by_queue(ctx, await ctx.ledger.overdue(now))
    for queue in late.keys() & waiting.keys():
        for job, task in _unannounced(ctx, waiting[queue], depths[queue]):
            log.trouble("message.missing", "A task waits without a message; it is announced anew.", **task.ids)
            await announce(ctx, job, [task])


async def _by_queue(ctx: Context, tasks: Iterable[Task]) -> dict[str, list[tuple[Job, Task]]]:
    jobs: dict[str, Job] = {}
    found: dict[str, list[tuple[Job, Task]]] = {}
    for task in tasks:
        job = jobs[task.spec.job] = jobs.get(task.spec.job) or await ctx.ledger.job(task.spec.job)
        found.setdefault(queue_of(job, task), []).append((job, task))
    return found


def _unannounced(ctx: Context, tasks: Sequence[tuple[Job, Task]], messages: int) -> Sequence[tuple[Job, Task]]:
    """Those of the tasks of a queue, oldest first, that probably no message is about. What waits longest is taken
    first: so when there are fewer messages than tasks, those are missing that should have been taken long since.
    When there are enough, some may be about tasks that somebody has already. But a queue whose tasks nobody can do
    must not grow for ever: it gets no more than twice as many messages as it has tasks."""
    now = ctx.clock.now()

    def waited(seconds: float, most: int) -> Sequence[tuple[Job, Task]]:
        return [one for one in tasks if one[1].queued_at < now - seconds][: max(0, most - messages)]

    return waited(ctx.policy.message_seconds, len(tasks)) or waited(ctx.policy.queue_seconds, 2 * len(tasks))


async def _announce(ctx: Context, tasks: Iterable[Task]) -> None:
    for task in tasks:
        await announce(ctx, await ctx.ledger.job(task.spec.job), [task])


async def _orphans(ctx: Context, job_id: str, present: list[str]) -> list[str]:
    try:
        job = await ctx.ledger.job(job_id)
    except NotFound:
        return present
    if job.state is JobState.DONE:
        return await needless(ctx, job, present)
    return await _losers(ctx, job, present)


async def _losers(ctx: Context, job: Job, present: list[str]) -> list[str]:
    """What attempts made whose task was done by another. A task that is not done may yet get a late delivery."""
    done = {task.id: task for task in await ctx.ledger.tasks(job.id) if task.state is TaskState.DONE}
    task_of = {attempt.lease: attempt.task for attempt in await ctx.ledger.attempts(job.id)}
    losers = []
    for key in present:
        winner = done.get(task_of.get(keys.lease_of(key), ""))
        if winner and winner.part and "/chunks/" not in key and "/tracks/" not in key and winner.part.key != key:
            losers.append(key)
    return losers
