"""Offer tasks to workers: few at a time in each lane, by turns of those who have some (order.py says whose)."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Collection, Iterable, Sequence

from fallow import catalogue, log
from fallow.errors import FallowError
from fallow.model import TaskKind
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import PRIORITIES, options_of
from fallow.pipeline.order import Filling, Window
from fallow.ports import Message
from fallow.records import Job, Lane, Task

SPARE = "spare"
"""The priority of what is only for workers that have nothing else to do: tasks that somebody is at already."""

LOOK_EVERY = 0.1  # seconds; while tasks are taken from a lane, what waits there is looked at so often

_CLASSES: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.VIDEO: (*catalogue.VIDEO, catalogue.MEASURE),
    TaskKind.AUDIO: tuple(catalogue.AUDIO),
}
"""Encoders that tasks of a kind may need: one queue for each, so that no worker draws what it cannot do."""


def queues(kinds: Sequence[TaskKind], encoders: Collection[str] | None = None) -> list[str]:
    """The queues of these kinds of task for who has these encoders (None: all), the most urgent first."""
    return list(_queues(PRIORITIES, tuple(kinds), None if encoders is None else frozenset(encoders)))


def spare_queues(kinds: Sequence[TaskKind], encoders: Collection[str] | None = None) -> list[str]:
    """Where those are told of slow attempts who have nothing else to do."""
    return list(_queues((SPARE,), tuple(kinds), None if encoders is None else frozenset(encoders)))


@functools.lru_cache  # asked for with every lease, and few workers differ
def _queues(
    priorities: Sequence[str], kinds: Sequence[TaskKind], encoders: Collection[str] | None
) -> tuple[str, ...]:
    return tuple(
        Lane(kind, encoder, priority).name
        for priority in priorities
        for kind in kinds
        for encoder in ("", *_CLASSES.get(kind, ()))
        if not encoder or encoders is None or encoder in encoders
    )


def queue_of(job: Job, task: Task) -> str:
    """Where a task is announced."""
    return Lane(task.spec.kind, task.spec.encoder, options_of(job).priority).name


async def announce(ctx: Context, job: Job, tasks: Iterable[Task]) -> None:
    """Wake up who could do these tasks."""
    for task in tasks:
        await _announce(ctx, queue_of(job, task), task)


async def offer(ctx: Context, job: Job) -> None:
    """The job has tasks: it waits for its turns, and may have one now."""
    for lane in await ctx.ledger.line_up(job.id, job.owner, options_of(job).priority):
        await ctx.rounds.share(lane.name, lambda lane=lane: _fill(ctx, lane))  # type: ignore[misc]


def taken(ctx: Context, queue: str) -> None:
    """A message was taken from a queue: see to it that there are others, beside what its worker does now."""
    if queue.endswith(SPARE):
        return
    filling, now = _filling(ctx, queue), ctx.clock.now()
    filling.taken += 1
    if filling.taken >= filling.window.few or now - filling.looked >= LOOK_EVERY:
        filling.looked, filling.taken = now, 0
        ctx.rounds.begin(queue, lambda: _refill(ctx, Lane.of(queue)))


async def refilled(ctx: Context, queue: str) -> None:
    """Nothing is left in a queue, though more is to be done: see to it at once."""
    await ctx.rounds.share(queue, lambda: _refill(ctx, Lane.of(queue)))


async def _refill(ctx: Context, lane: Lane) -> None:
    try:
        await _fill(ctx, lane)
    except FallowError as error:  # the sweeper will do it
        log.trouble("lane.not_filled", str(error), queue=lane.name)


async def _fill(ctx: Context, lane: Lane) -> None:
    """Offer the next tasks, if few wait."""
    filling = _filling(ctx, lane.name)
    filling.looked = ctx.clock.now()
    waiting = (await ctx.queue.depths([lane.name]))[lane.name]
    room = filling.window.room(filling.looked - filling.filled, waiting)
    tasks = await ctx.ledger.top_up(lane, room) if room else []
    if tasks:
        filling.filled, filling.window.level = ctx.clock.now(), waiting + len(tasks)
        await asyncio.gather(*(_announce(ctx, lane.name, task) for task in tasks))


async def _announce(ctx: Context, queue: str, task: Task) -> None:
    await ctx.queue.publish(queue, body_of(task))


def body_of(task: Task) -> bytes:
    """What a message says of a task."""
    return json.dumps({"task": task.id, "cost": task.spec.cost}).encode()


def named(message: Message) -> str:
    """The task that a message announces; "" of any other."""
    try:
        told = json.loads(message.body)
        return str(told["task"]) if "rival" not in told and "doubted" not in told else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _filling(ctx: Context, queue: str) -> Filling:
    return ctx.lanes.setdefault(queue, Filling(Window(ctx.policy.window)))
