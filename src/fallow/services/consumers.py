"""Splitter, joiner and sweeper as loops in this process."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable

from fallow import log
from fallow.errors import FallowError
from fallow.model import TaskKind, Worker
from fallow.pipeline.admission import queues
from fallow.pipeline.context import Context
from fallow.pipeline.fetch import fetch
from fallow.pipeline.hold import Holds
from fallow.pipeline.local_task import Work, carry_out
from fallow.pipeline.package import join_or_package
from fallow.pipeline.rivals import watch
from fallow.pipeline.split import split
from fallow.pipeline.sweep import sweep, sweep_dead, sweep_objects, sweep_uploads
from fallow.ports import Message
from fallow.services.home import Home

WORK: dict[TaskKind, tuple[str, Work]] = {
    TaskKind.FETCH: ("fetcher", fetch),
    TaskKind.SPLIT: ("splitter", split),
    TaskKind.JOIN: ("joiner", join_or_package),
}
PATIENCE = 3600.0  # seconds of one wait for a message; waiting costs nothing
PAUSE = 1.0  # seconds after something unexpected, so that it does not fill the log
OBJECTS_EVERY = 600.0
UPLOADS_EVERY = 30.0


class Consumer:
    """Does the tasks of one kind, a few at a time: some of them wait most of their time."""

    def __init__(self, ctx: Context, kind: TaskKind, home: Home, holds: Holds, places: int = 1) -> None:
        self._ctx, self._holds, self._places = ctx, holds, places
        self._queues = queues([kind])
        self._name, self._work = WORK[kind]
        self._worker = Worker(home.worker(self._name), home.called(self._name), {}, local=True, seen=0.0)
        self._draining = False
        self._waiting: set[asyncio.Task[Message | None]] = set()

    async def run(self) -> None:
        """Until drained or cancelled."""
        introduced = False
        while not self._draining and not introduced:
            introduced = await survive(self._name, self._introduce)
        places = [asyncio.ensure_future(self._work_on()) for _ in range(self._places)]
        try:
            await asyncio.gather(*places)
        finally:
            for place in places:
                place.cancel()
            await asyncio.gather(*places, return_exceptions=True)

    async def _work_on(self) -> None:
        while not self._draining:
            await survive(self._name, self._next)

    def drain(self) -> None:
        """Take no other task; the running one is finished."""
        self._draining = True
        for waiting in self._waiting:
            waiting.cancel()

    async def _introduce(self) -> None:
        await self._ctx.ledger.add_worker(self._worker, f"none: {self._worker.id}")
        await self._ctx.ledger.saw_worker(self._worker.id)

    async def _next(self) -> None:
        waiting = asyncio.create_task(self._ctx.queue.get(self._queues, PATIENCE))
        self._waiting.add(waiting)
        try:
            message = await waiting
        except asyncio.CancelledError:
            if self._draining:
                return
            raise
        finally:
            waiting.cancel()
            self._waiting.discard(waiting)
        if message and (task := await self._holds.claim(self._ctx, message, self._worker.id)):
            try:
                await carry_out(self._ctx, task, self._work)
            finally:
                await self._holds.release(task.lease)


async def sweeper(ctx: Context) -> None:
    """Rounds of sweeping until cancelled."""
    uploads_at = time.monotonic()
    objects_at = uploads_at + UPLOADS_EVERY

    async def one_round() -> None:
        nonlocal objects_at, uploads_at
        await watch(ctx, ctx.policy.sweep_seconds)
        await sweep(ctx)
        if time.monotonic() >= uploads_at:
            uploads_at = time.monotonic() + UPLOADS_EVERY
            await sweep_uploads(ctx)
        if time.monotonic() >= objects_at:
            objects_at = time.monotonic() + OBJECTS_EVERY
            await sweep_objects(ctx)
        await sweep_dead(ctx)

    while True:
        await survive("sweeper", one_round)


async def survive(name: str, step: Callable[[], Awaitable[None]]) -> bool:
    """One step of a loop that must not end, whatever one of its steps meets; whether it went well."""
    try:
        await step()
    except FallowError as error:
        log.trouble(f"{name}.failed", str(error))
    except Exception:
        log.trouble(f"{name}.crashed", traceback.format_exc())
    else:
        return True
    await asyncio.sleep(PAUSE)
    return False
