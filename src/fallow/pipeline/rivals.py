"""Begin the slowest attempts of a job once more, by workers that have nothing else to do (hedge.py says which)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fallow import log
from fallow.errors import NotFound
from fallow.model import JobState, TaskKind
from fallow.pipeline import hedge
from fallow.pipeline.admission import SPARE
from fallow.pipeline.context import Context
from fallow.ports import Message
from fallow.records import Hedge, Job, Lane, Race, Running, Task

LOOK_EVERY = 0.5  # seconds; at the end of a job its attempts are looked at so often, while somebody sweeps
KINDS = (TaskKind.AUDIO, TaskKind.VIDEO)
PASSES = 16  # workers that a hint is passed on to, one after the other, when it is of no use to them
ROUND = 8  # of them, while who would be quicker is waited for


async def hint(ctx: Context, job: Job) -> None:
    """Tell free workers of the attempts that they might overtake, if nothing else of the job waits for them."""
    if ctx.policy.hedge <= 0 or job.state is not JobState.ENCODING:
        return
    if job.paused:
        ctx.ending.discard(job.id)
        return
    ctx.ending.discard(job.id)
    for kind in KINDS:
        race = await ctx.ledger.race(job.id, kind)
        if race is None:
            return
        if race.running:
            ctx.ending.add(job.id)
        if slow := hedge.candidates(race, ctx.clock.now(), ctx.policy.rules):
            await _publish(ctx, kind, slow)


async def watch(ctx: Context, seconds: float) -> None:
    """For so long, look often at jobs of which nothing waits any more: free workers lose time meanwhile."""
    end = ctx.clock.now() + seconds
    while (left := end - ctx.clock.now()) > 0:
        await ctx.clock.sleep(min(LOOK_EVERY, left))
        for job in sorted(ctx.ending):
            if ctx.clock.now() < end:  # the others have their turn with the sweeper
                await _look_again(ctx, job)


async def _look_again(ctx: Context, job: str) -> None:
    try:
        found = await ctx.ledger.job(job)
    except NotFound:  # forgotten
        ctx.ending.discard(job)
        return
    if found.state is not JobState.ENCODING:
        ctx.ending.discard(job)
    await hint(ctx, found)


async def join(ctx: Context, message: Message, told: Mapping[str, Any], worker: str, lease: str) -> Task | None:
    """Begin the attempt that a hint is about once more, if that helps when this worker does."""
    task = await ctx.ledger.task(str(told["task"]))
    race = await ctx.ledger.race(task.spec.job, task.spec.kind)
    running = _of(race, str(told["rival"]))
    if race is None or running is None:
        return None
    asked = [str(name) for name in told.get("asked", ())]
    now, rules = ctx.clock.now(), ctx.policy.rules
    extra = hedge.extra_work(running, worker, race, now, rules)
    if extra is None or (len(asked) < ROUND and hedge.quicker(running, worker, race, rules, asked)):
        if len(asked) + 1 < PASSES:
            await ctx.queue.publish(message.queue, _body(running, [*asked, worker]))
        return None
    until, deadline = now + ctx.policy.lease_seconds, now + ctx.policy.deadline(task.spec.cost)
    second = running.second.lease if running.second else ""
    most = rules.extra * race.work
    wanted = Hedge(task.id, running.lease, lease, worker, until, deadline, extra, most, second)
    made = await ctx.ledger.hedge(wanted)
    if made:
        log.event("task.hedged", **made.ids, rival=running.lease, extra=round(extra, 3))
    return made


def _of(race: Race | None, lease: str) -> Running | None:
    return next((one for one in race.running if one.lease == lease), None) if race else None


async def _publish(ctx: Context, kind: TaskKind, slow: list[Running]) -> None:
    """As many hints as there are attempts, and none that nobody has looked at yet once more."""
    lanes = {one.encoder: Lane(kind, one.encoder, SPARE).name for one in slow}
    waiting = Counter(await ctx.queue.depths(sorted(lanes.values())))
    for one in slow:
        queue = lanes[one.encoder]
        waiting[queue] -= 1
        if waiting[queue] < 0:
            await ctx.queue.publish(queue, _body(one, []))


def _body(one: Running, asked: Sequence[str]) -> bytes:
    return json.dumps({"task": one.task, "rival": one.lease, "asked": asked}).encode()
