"""What a worker is given is what it can do in time: another task than the one it drew, a piece of it, or none."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass

from fallow.errors import NotFound
from fallow.model import TaskState, Worker
from fallow.pipeline import divide
from fallow.pipeline.admission import body_of, named
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import Claim, give_back, leased
from fallow.pipeline.speeds import Speeds, seconds_of
from fallow.ports import Message
from fallow.records import Task

IN_A_WHILE = 1.0  # seconds after which a message is passed on to somebody quicker


@dataclass(frozen=True)
class Fitting:
    """Claims what a worker can do in time. Those of a platform's own machine are about equally fast."""

    worker: Worker
    speeds: Speeds
    usual: Claim

    async def claim(self, ctx: Context, message: Message, worker: str) -> Task | None:
        if self.worker.local or not self.speeds or ctx.policy.divide_seconds <= 0 or not named(message):
            return await self.usual(ctx, message, worker)
        fitting = asyncio.ensure_future(self._fit(ctx, message))
        try:
            fits, smaller = await asyncio.shield(fitting)
        except BaseException:
            await asyncio.shield(self._undo(ctx, message, fitting))
            raise
        return await self.usual(ctx, message, worker) if fits else smaller

    async def _undo(
        self, ctx: Context, message: Message, fitting: asyncio.Future[tuple[bool, Task | None]]
    ) -> None:
        await asyncio.wait([fitting])
        fits, smaller = (True, None) if fitting.exception() else fitting.result()
        if smaller:
            await give_back(ctx, None, smaller)
        if fits:
            await ctx.queue.nack(message)

    async def _fit(self, ctx: Context, message: Message) -> tuple[bool, Task | None]:
        """Whether the task that is announced is to be had, which may have become smaller. If not, its message is
        for others, and there may be another task instead."""
        if not (found := await self._too_large(ctx, named(message))):
            return True, None
        task, most, alone = found
        seconds = seconds_of(task, self.speeds)
        if smaller := await self._sister(ctx, task, most):
            await self._pass_on(ctx, message, 0.0)
            return False, smaller
        cut = await divide.cut_of(ctx, task, most / seconds)
        if seconds * (cut.share if cut else 1.0) > alone:
            await self._pass_on(ctx, message, IN_A_WHILE)
            return False, None
        if cut and (rest := await divide.divide(ctx, task, cut)):
            await ctx.ledger.offer([rest.id])
            await ctx.queue.publish(message.queue, body_of(rest))
        return True, None

    async def _pass_on(self, ctx: Context, message: Message, delay: float) -> None:
        await ctx.queue.publish(message.queue, message.body, delay)
        await ctx.queue.ack(message)

    async def _too_large(self, ctx: Context, name: str) -> tuple[Task, float, float] | None:
        """The task, the time that it may take instead of what it would, and that after which it is of no use."""
        with contextlib.suppress(NotFound):
            task = await ctx.ledger.task(name)
            seconds, usual = seconds_of(task, self.speeds), ctx.fleet.usual(task)
            if divide.divisible(task) and ctx.policy.divide_seconds < seconds > divide.SLOWER * usual:
                front = await divide.front_of(ctx, task)
                most = divide.too_long(task, seconds, usual, front, ctx.policy.divide_seconds)
                alone = divide.rest_of(task, usual, front, front.left)
                return (task, most, divide.USELESS * max(alone, ctx.policy.divide_seconds)) if most else None
        return None

    async def _sister(self, ctx: Context, task: Task, most: float) -> Task | None:
        """The costliest other rendition of the chunk that can be done in time, leased."""
        for sister in await ctx.ledger.sisters(task):
            barred = ctx.misfits.bar(self.worker, sister, ctx.clock.now())
            fits = seconds_of(sister, self.speeds) <= most and self.worker.does(sister.spec.encoder)
            if fits and not barred:
                if sister.state is TaskState.PLANNED:
                    await ctx.ledger.offer([sister.id])
                if taken := await leased_by_name(ctx, sister, self.worker):
                    return taken
        return None


async def leased_by_name(ctx: Context, task: Task, worker: Worker) -> Task | None:
    """Leased by its name. The message that is about it will find it taken."""
    now = ctx.clock.now()
    until, deadline = now + ctx.policy.lease_seconds, now + ctx.policy.deadline(task.spec.cost)
    taken = await ctx.ledger.lease(task.id, uuid.uuid4().hex, worker.id, until, deadline)
    if taken:
        leased(ctx, taken)
    return taken
