"""Messages that are acknowledged when their task has ended, not when it is leased.

For workers that live and die with a process that has a connection to the broker: when the process is killed, the
broker hands its messages to others at once, while the ledger would wait for the leases to run out. A message that
comes again, of a task that is still leased, is such a sign of loss. But connections are lost without their process,
too: so the sign is passed on for a moment (dispatch.DOUBT), and who has lost a message renews its lease more often
than that.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass

from fallow import log
from fallow.errors import FallowError, NotFound
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import HELD, claimed
from fallow.ports import Message
from fallow.records import Task

LOOK_EVERY = 0.5  # seconds; well below dispatch.DOUBT
LONGEST = 1200.0  # seconds; RabbitMQ takes back by default what is held for 30 minutes


@dataclass(frozen=True)
class _Held:
    task: Task
    message: Message
    since: float  # by the monotonic clock


class Holds:
    """The messages that this process holds, by the leases that they led to."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._held: dict[str, _Held] = {}
        self._lost: dict[str, _Held] = {}

    async def claim(self, ctx: Context, message: Message, worker: str) -> Task | None:
        """Lease the task that a message is about, and keep the message until `release`."""
        task = await claimed(ctx, message, worker, HELD + uuid.uuid4().hex)
        if task is None or not task.lease.startswith(HELD):  # a rival's message is only a hint
            await ctx.queue.ack(message)
        else:
            self._held[task.lease] = _Held(task, message, time.monotonic())
        return task

    async def release(self, lease: str) -> None:
        """The lease is over, and what became of it stands in the ledger."""
        self._lost.pop(lease, None)
        if held := self._held.pop(lease, None):
            await self._ctx.queue.ack(held.message)

    async def release_of(self, worker: str) -> None:
        """All leases of a worker are over."""
        both = [*self._held.items(), *self._lost.items()]
        for lease in [lease for lease, held in both if held.task.worker == worker]:
            await self.release(lease)

    async def watch(self) -> None:
        """Until cancelled: keep the tasks whose message was lost, and let go of those held for long."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for lease, held in list(self._held.items()):
                if not self._ctx.queue.holds(held.message):
                    log.event("message.lost", **held.task.ids)
                    self._lost[lease] = self._held.pop(lease)
                elif time.monotonic() - held.since > LONGEST:
                    await self.release(lease)  # from now on the ledger alone watches over it
            for lease, held in list(self._lost.items()):
                if not await self._affirm(held.task):
                    self._lost.pop(lease, None)

    async def _affirm(self, held: Task) -> bool:
        """Show whoever gets the message now that this worker lives; False when that is of no use any more."""
        ctx = self._ctx
        try:
            task = await ctx.ledger.task(held.id)
            until = ctx.clock.now() + ctx.policy.lease_seconds
            same = task.lease == held.lease
            return same and await ctx.ledger.renew(task.lease, until, task.done_frames, task.fps)
        except NotFound:
            return False
        except FallowError as error:  # the next one may be heard
            log.trouble("lease.not_renewed", str(error), **held.ids)
            return True
