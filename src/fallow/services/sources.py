"""The source of a job, for who wants to see it beside its results."""

from __future__ import annotations

import mimetypes

from starlette.requests import Request
from starlette.responses import Response

from fallow.errors import NotFound
from fallow.pipeline.arrived import arrived
from fallow.pipeline.context import Context
from fallow.records import Job
from fallow.services.objects import answer, send


async def source(ctx: Context, request: Request, job: Job) -> Response:
    """The source as it was uploaded, whole or in part. Raises NotFound."""
    kind = mimetypes.guess_type(job.name)[0] or ""
    # Whatever a file calls itself, no page is made of it.
    shown = kind if kind.startswith(("video/", "audio/")) else "application/octet-stream"
    headers = {"Content-Type": shown, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if await ctx.store.stat(job.source_key):
        return await send(ctx.store, job.source_key, request, {**headers, "ETag": f'"{job.id}"'})
    came = await arrived(ctx, job.id)
    if not came.whole:
        why = "is not there yet" if not job.state.ended else "was removed"
        raise NotFound(f"The source of job {job.id} {why}; FALLOW_SOURCE_DAYS says how long sources are kept.")
    headers["ETag"] = f'"{came.digest(came.size)}"'
    return answer(lambda begin: came.stream(ctx, begin), came.size, request, headers)
