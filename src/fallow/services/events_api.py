"""The stream of events: what changes of jobs and workers, as it does."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from fallow.pipeline.context import Context
from fallow.services.access import check_owner, who
from fallow.services.changes import Listener
from fallow.services.watcher import Watcher

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events, as long as it stays open.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def router(ctx: Context) -> APIRouter:
    """The only route that answers for long."""
    made, watcher = APIRouter(prefix="/api/v1", tags=["events"]), Watcher(ctx)

    @made.get("/events", response_class=StreamingResponse, responses=STREAM)
    async def listen(
        request: Request, job: str = "", last_event_id: Annotated[str, Header()] = ""
    ) -> StreamingResponse:
        """Server-sent events of what has changed: `jobs`, `workers`, and of one job `map` and `job`."""
        somebody = who(request)
        if job:
            await ctx.ledger.job(job)
            await check_owner(ctx, somebody, job)
        told = await watcher.join(Listener(somebody.owner, job), last_event_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy is to collect them
        return StreamingResponse(told, headers=headers, media_type="text/event-stream")

    return made
