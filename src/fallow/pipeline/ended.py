"""What is told of jobs and attempts that have ended: when they began, how they went, what they cost."""

from __future__ import annotations

from typing import Any

from fallow.errors import FallowError, NotFound
from fallow.model import Effort
from fallow.pipeline.context import Context
from fallow.records import Job, Outcome, Task


def of_job(ctx: Context, job: Job) -> dict[str, Any]:
    """Of a job that ends now, or that has got its source."""
    return {"job": job.id, "began": round(job.created, 3), "seconds": round(ctx.clock.now() - job.created, 3)}


def facts(ctx: Context, task: Task, outcome: Outcome, began: float, effort: Effort) -> dict[str, Any]:
    """Of an attempt at this task that began at that time and ends now."""
    return {
        "kind": task.spec.kind.value,
        "attempt": task.attempt,
        "outcome": outcome.value,
        "began": round(began, 3),
        "seconds": round(max(0.0, ctx.clock.now() - began), 3),
        "cpu_seconds": round(effort.cpu_seconds, 3),
        "frames": effort.frames,
        "bytes_in": effort.bytes_in,
        "bytes_out": effort.bytes_out,
    }


async def failed(
    ctx: Context, task: Task, lease: str, outcome: Outcome, effort: Effort, error: Exception
) -> dict[str, Any]:
    """The same, of one that came to nothing, and the class of its error."""
    try:
        attempt = await ctx.ledger.attempt(lease)
    except NotFound:  # its job was removed just now
        return {}
    return {**facts(ctx, task, outcome, attempt.started, effort), "cause": _cause(error)}


def _cause(error: Exception) -> str:
    """The class of an error that is known by name, whichever of its kinds it is."""
    known = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == FallowError.__module__)
    return next(known, "Exception")
