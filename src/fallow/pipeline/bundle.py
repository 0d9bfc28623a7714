"""How much work one lease brings: several renditions of a chunk, and several chunks, for a while of this worker's.

Each of its tasks is leased, renewed, delivered and retried by itself; they are only handed out together. That saves
workers from decoding a chunk once for each rendition, and everybody from many small exchanges. But who holds much
lets others wait: so it is as much as the worker does in some seconds, by the speed that it has measured; no more
than a fair share of what waits, which near the end of all work is one task; and what has failed shares its
worker's FFmpeg with nothing else.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from fallow import log
from fallow.errors import Retryable
from fallow.ffmpeg.commands import alike
from fallow.messages import LeaseGrant, LeaseRequest, from_wire
from fallow.model import TaskKind, TaskState, Worker
from fallow.pipeline.admission import queues, refilled
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import LATER, Claim, advance, drawn, give_back, offered
from fallow.pipeline.fitting import Fitting, leased_by_name
from fallow.pipeline.granting import grant
from fallow.pipeline.speeds import Speeds, seconds_of
from fallow.ports import Message
from fallow.recipe import VideoRecipe
from fallow.records import Crowd, Outcome, Setback, Task

SOON = 3.0  # seconds; who asks for work that it can begin later than that gets some only while there is plenty
MOST = 16  # tasks in one lease, whatever a worker says
BRIEFLY = 0.05  # seconds that more is waited for: what a queue brings by itself costs less than to ask for each


@dataclass
class _Bundle:
    """What a worker is to get."""

    worker: Worker
    speeds: Speeds
    seconds: float  # that are still to be filled
    room: int  # tasks that may still come
    queue: str = ""  # that the last messages came from
    taken: list[tuple[Message | None, Task]] = field(default_factory=list)

    def add(self, message: Message | None, task: Task) -> None:
        self.taken.append((message, task))
        self.room -= 1
        self.seconds -= self._time_of(task)

    @property
    def open(self) -> bool:
        return self.room > 0 and self.seconds > 0

    def fits(self, task: Task) -> bool:
        """Whether a task like this one may come, and the worker can do it."""
        return self.worker.does(task.spec.encoder) and self.open and self._time_of(task) / 2 <= self.seconds

    def times(self, drawn: int, brought: Sequence[Task]) -> int:
        """How many more may be drawn, if they bring as much with them as the last ones did."""
        often = self.seconds * drawn / sum(self._time_of(task) for task in brought)
        return min(max(1, self.room * drawn // len(brought)), math.floor(often + 0.5))

    def jars(self, task: Task) -> bool:
        """Whether another rendition of its chunk is there, and one of them has failed before."""
        chunk = [other for _, other in self.taken if _chunk_of(other) == _chunk_of(task)]
        return bool(chunk) and max(one.attempt for one in (task, *chunk)) > 1

    def sort(self) -> None:
        """Chunk by chunk, as they came: for who decodes each once."""
        places = {chunk: place for place, chunk in enumerate(dict.fromkeys(_chunk_of(t) for _, t in self.taken))}
        self.taken.sort(key=lambda one: places[_chunk_of(one[1])])

    def _time_of(self, task: Task) -> float:
        """Seconds that it takes this worker; without end, when nobody knows."""
        return seconds_of(task, self.speeds)


async def lease(ctx: Context, worker: Worker, request: LeaseRequest, claim: Claim) -> LeaseGrant | None:
    """Work for a worker, who waits for it as long as it says: a grant, perhaps with more in it, or None."""
    several = request.most > 1 and ctx.policy.bundle_seconds > 0
    crowd = Crowd(0, 0)
    if several or request.begin_in > SOON:
        crowd = await ctx.crowd.get(ctx.ledger.crowd)
    if request.begin_in > SOON and crowd.waiting < crowd.busy:
        return None
    room = min(request.most, MOST, crowd.waiting // (crowd.busy + 1)) if several else 1
    speeds = request.speeds if isinstance(request.speeds, dict) else {}
    bundle = _Bundle(worker, speeds, ctx.policy.bundle_seconds, max(room, 1))
    wanted = offered(worker.encoders, request.begin_in)
    ctx.fleet.note(worker.id, speeds, ctx.clock.now())
    fitting = Fitting(worker, speeds, claim).claim
    if first := await _first(ctx, worker, request.wait_seconds, fitting, wanted):
        bundle.add(*first)
        bundle.queue = first[0].queue
        return await _granted(ctx, bundle, claim)
    return None


async def _first(
    ctx: Context, worker: Worker, wait: float, claim: Claim, queues: Sequence[str]
) -> tuple[Message, Task] | None:
    """What this worker may have; the rest is offered to others again in a while."""
    end = ctx.clock.now() + wait
    while found := await drawn(ctx, worker.id, max(0.0, end - ctx.clock.now()), claim, queues):
        message, task = found
        if not ctx.misfits.bar(worker, task, ctx.clock.now()):
            return found
        await asyncio.shield(_pass_on(ctx, message, task))
    return None


async def _pass_on(ctx: Context, message: Message, task: Task) -> None:
    told = "This worker's FFmpeg makes parts that do not fit to those that there are; it waits for another one's."
    await ctx.ledger.give_up(task.lease, Setback(told, ctx.clock.now() + LATER, Outcome.CANCELLED))
    await ctx.queue.ack(message)
    await advance(ctx, task.spec.job)


async def _granted(ctx: Context, bundle: _Bundle, claim: Claim) -> LeaseGrant:
    # Shielded, so that what is being taken is known when it is to go back.
    filling = asyncio.ensure_future(_fill(ctx, bundle, claim))
    try:
        await asyncio.shield(filling)
        first, *more = await asyncio.gather(*(grant(ctx, task) for _, task in bundle.taken))
    except BaseException:
        await asyncio.shield(_give_back(ctx, bundle, filling))
        raise
    return dataclasses.replace(first, more=tuple(more))


async def _give_back(ctx: Context, bundle: _Bundle, filling: asyncio.Future[None]) -> None:
    await asyncio.wait([filling])
    for message, task in bundle.taken:
        await give_back(ctx, message, task)


async def _fill(ctx: Context, bundle: _Bundle, claim: Claim) -> None:
    try:
        await _add(ctx, bundle, claim)
    except Retryable as error:  # what is there is enough to begin with, and its worker asks again
        log.trouble("bundle.cut_short", str(error), worker=bundle.worker.id, tasks=len(bundle.taken))
    bundle.sort()


async def _add(ctx: Context, bundle: _Bundle, claim: Claim) -> None:
    new = [task for _, task in bundle.taken]
    while new and all(task.spec.kind is TaskKind.VIDEO and task.attempt <= 1 for task in new) and bundle.open:
        before = len(bundle.taken) - len(new)
        await _add_sisters(ctx, bundle, new)
        most = bundle.times(len(new), [task for _, task in bundle.taken[before:]])
        new = await _draw(ctx, bundle, claim, most) if bundle.open and most > 0 else []


async def _draw(ctx: Context, bundle: _Bundle, claim: Claim, most: int) -> list[Task]:
    """More tasks, as many at once as there is room for by what the last ones were."""
    found: list[tuple[Message, Task]] = []
    while not found and (messages := await _messages(ctx, bundle, most)):
        claims = (claim(ctx, message, bundle.worker.id) for message in messages)
        claimed = await asyncio.gather(*claims, return_exceptions=True)
        found = [(m, task) for m, task in zip(messages, claimed, strict=True) if isinstance(task, Task)]
        bundle.queue = messages[-1].queue
        if failed := [error for error in claimed if isinstance(error, BaseException)]:
            bundle.taken += found  # they count, or go back, with the others
            raise failed[0]
    return await _put_in(ctx, bundle, found)


async def _messages(ctx: Context, bundle: _Bundle, most: int) -> list[Message]:
    """So many at most of the queue that the last ones came from; of the others one, when no more wait there."""
    if messages := await _ready(ctx, bundle.queue, most):
        return messages
    await refilled(ctx, bundle.queue)
    if messages := await _ready(ctx, bundle.queue, most):
        return messages
    another = await ctx.queue.get(queues((TaskKind.VIDEO,), bundle.worker.encoders), 0.0)
    return [another] if another else []


async def _ready(ctx: Context, queue: str, most: int) -> list[Message]:
    drawing = (ctx.queue.get([queue], BRIEFLY) for _ in range(most))
    drawn = await asyncio.gather(*drawing, return_exceptions=True)
    messages = [message for message in drawn if isinstance(message, Message)]
    # What was drawn is not left lying about because the rest was not.
    if not messages and (failed := [error for error in drawn if isinstance(error, BaseException)]):
        raise failed[0]
    return messages


async def _put_in(ctx: Context, bundle: _Bundle, found: Sequence[tuple[Message, Task]]) -> list[Task]:
    """As much of it as there is room for; the rest waits for others again."""
    kept: list[Task] = []
    rest: list[tuple[Message, Task]] = []
    now = ctx.clock.now()
    for message, task in found:
        if bundle.fits(task) and not bundle.jars(task) and not ctx.misfits.bar(bundle.worker, task, now):
            bundle.add(message, task)
            kept.append(task)
        else:
            rest.append((message, task))
    await asyncio.gather(*(give_back(ctx, message, task) for message, task in rest))
    for job in {task.spec.job for _, task in rest}:
        await advance(ctx, job)
    return kept


async def _add_sisters(ctx: Context, bundle: _Bundle, tasks: Sequence[Task]) -> None:
    """Other renditions of the same chunks, whether they are offered yet or not."""
    rest = dataclasses.replace(bundle, taken=[])
    found = await asyncio.gather(*(ctx.ledger.sisters(task) for task in tasks))
    for task, sisters in zip(tasks, found, strict=True):
        recipe = recipe_of(task) if sisters else None
        for sister in sisters:
            other = recipe_of(sister)
            barred = ctx.misfits.bar(bundle.worker, sister, ctx.clock.now())
            if recipe and other and alike(recipe, other) and rest.fits(sister) and not (sister.attempt or barred):
                rest.add(None, sister)
    if not rest.taken:
        return
    if planned := [sister.id for _, sister in rest.taken if sister.state is TaskState.PLANNED]:
        await ctx.ledger.offer(planned)
    leasing = (leased_by_name(ctx, sister, bundle.worker) for _, sister in rest.taken)
    for taken in await asyncio.gather(*leasing, return_exceptions=True):
        if isinstance(taken, Task):
            bundle.add(None, taken)


def _chunk_of(task: Task) -> tuple[str, int]:
    return task.spec.job, task.spec.number


def recipe_of(task: Task) -> VideoRecipe | None:
    return from_wire(VideoRecipe, task.spec.recipe) if task.spec.kind is TaskKind.VIDEO else None
