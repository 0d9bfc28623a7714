"""Do a task in this process, under a lease like any other worker's."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fallow import log
from fallow.errors import Cancelled, FallowError, Retryable, Unavailable
from fallow.model import Effort, Part
from fallow.pipeline.context import Context
from fallow.pipeline.dispatch import advance
from fallow.pipeline.ended import facts
from fallow.pipeline.setback import Blow, NotYet, Waits, put_off, set_back
from fallow.pipeline.store_files import LONG, Thread
from fallow.records import Outcome, Task


@dataclass
class Hold:
    """A running attempt: where its media code runs, and how far it is."""

    task: Task
    thread: Thread
    frames: int = 0


Work = Callable[[Context, Hold], Awaitable[Part]]


async def carry_out(ctx: Context, task: Task, work: Work) -> None:
    """Do the work and commit what it gives. A failure becomes the task's; only cancellation is raised."""
    with log.about(**task.ids):
        await _carry_out(ctx, task, work)


async def _carry_out(ctx: Context, task: Task, work: Work) -> None:
    started, began = time.monotonic(), ctx.clock.now()
    hold = Hold(task, Thread(LONG))
    working = asyncio.ensure_future(work(ctx, hold))
    renewing = asyncio.ensure_future(_renew(ctx, hold, working))
    try:
        part = await working
        effort = Effort(time.monotonic() - started, hold.thread.cpu_seconds, hold.frames, 0, part.size)
        first = await ctx.ledger.commit(task.lease, part, effort)
        log.event("task.done", **facts(ctx, task, Outcome.DELIVERED if first else Outcome.LATE, began, effort))
        await advance(ctx, task.spec.job)
    except asyncio.CancelledError:
        # Either the lease was lost, and there is nothing to say, or the platform stops: then the task goes back.
        working.cancel()
        await asyncio.wait([working])
        await asyncio.shield(set_back(ctx, task, task.lease, Blow(Cancelled("The platform was stopped."))))
        if not renewing.done():
            raise
    except Waits as wait:
        await put_off(ctx, task, wait)
    except Unavailable as error:
        # Queue, ledger or store are away for longer than they are waited for; the task is not to blame.
        await set_back(ctx, task, task.lease, Blow(NotYet(str(error))))
    except FallowError as error:
        await set_back(ctx, task, task.lease, Blow(error))
    except Exception as error:
        log.trouble("task.crashed", traceback.format_exc())
        name = type(error).__name__
        await set_back(ctx, task, task.lease, Blow(Retryable(f"The {task.spec.kind.value} met a {name}: {error}")))
    finally:
        renewing.cancel()


async def _renew(ctx: Context, hold: Hold, working: asyncio.Future[Part]) -> None:
    """Keep the lease; stop the work when it is lost."""
    begun = ctx.clock.now()
    while True:
        await ctx.clock.sleep(ctx.policy.renew_seconds)
        now = ctx.clock.now()
        fps = hold.frames / (now - begun) if now > begun else 0.0
        try:
            kept = await ctx.ledger.renew(hold.task.lease, now + ctx.policy.lease_seconds, hold.frames, fps)
        except FallowError as error:  # the next one may be heard
            log.trouble("lease.not_renewed", str(error))
            continue
        if not kept:
            working.cancel()
            return
