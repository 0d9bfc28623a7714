"""Splitter, joiner and sweeper as loops in this process."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable

from fallow import log
from fallow.errors import FallowError, Unavailable
from fallow.model import TaskKind, Worker
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import claim, queues
from fallow.pipeline.join import join_rendition
from fallow.pipeline.local_task import Work, carry_out
from fallow.pipeline.split import split
from fallow.pipeline.sweep import sweep, sweep_objects, sweep_uploads
from fallow.ports import Message

WORK: dict[TaskKind, tuple[str, Work]] = {
    TaskKind.SPLIT: ("splitter", split),
    TaskKind.JOIN: ("joiner", join_rendition),
}
PATIENCE = 3600.0  # seconds of one wait for a message; waiting costs nothing
PAUSE = 1.0  # seconds after something unexpected, so that it does not fill the log
OBJECTS_EVERY = 600.0


class Consumer:
    """Does the tasks of one kind, one after another."""

    def __init__(self, ctx: Context, kind: TaskKind) -> None:
        self._ctx = ctx
        self._queues = queues([kind])
        self._name, self._work = WORK[kind]
        self._draining = False
        self._waiting: asyncio.Task[Message | None] | None = None

    async def run(self) -> None:
        """Until drained, cancelled, or the queue is closed."""
        await self._ctx.ledger.add_worker(
            Worker(self._name, self._name, {}, local=True, seen=self._ctx.clock.now()), f"none: {self._name}"
        )
        while not self._draining:
            await _survive(self._name, self._next)

    def drain(self) -> None:
        """Take no other task; the running one is finished."""
        self._draining = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _next(self) -> None:
        self._waiting = asyncio.create_task(self._ctx.queue.get(self._queues, PATIENCE))
        try:
            message = await self._waiting
        except asyncio.CancelledError:
            if self._draining:
                return
            raise
        finally:
            self._waiting.cancel()
            self._waiting = None
        if message and (task := await claim(self._ctx, message, self._name)):
            await carry_out(self._ctx, task, self._work)


async def sweeper(ctx: Context) -> None:
    """Rounds of sweeping until cancelled."""
    objects_at = time.monotonic() + OBJECTS_EVERY / 20

    async def one_round() -> None:
        nonlocal objects_at
        await ctx.clock.sleep(ctx.policy.sweep_seconds)
        await sweep(ctx)
        if time.monotonic() >= objects_at:
            objects_at = time.monotonic() + OBJECTS_EVERY
            await sweep_uploads(ctx)
            await sweep_objects(ctx)

    while True:
        await _survive("sweeper", one_round)


async def _survive(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """One step of a loop that must not end, whatever one of its steps meets."""
    try:
        await step()
    except Unavailable:
        raise  # the queue is closed: the platform stops
    except FallowError as error:
        log.trouble(f"{name}.failed", str(error))
        await asyncio.sleep(PAUSE)
    except Exception:
        log.trouble(f"{name}.crashed", traceback.format_exc())
        await asyncio.sleep(PAUSE)
