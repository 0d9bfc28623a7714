"""Jobs, for people: announce, list, look at, change, fetch what came of them."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from fallow import catalogue
from fallow.errors import Conflict, NotFound, Rejected, TransferFailed
from fallow.messages import to_wire
from fallow.model import JobKind, JobState
from fallow.overview import Wanted
from fallow.pipeline import amend, quality, submit
from fallow.pipeline.context import Context
from fallow.pipeline.fetch import check, order
from fallow.pipeline.job_options import options_of
from fallow.pipeline.playing import Playing
from fallow.pipeline.receive import receive
from fallow.services import maps, sources
from fallow.services.access import who
from fallow.services.charts import Charts
from fallow.services.objects import send
from fallow.services.play import answer
from fallow.services.schemas import JobBody, JobChanges
from fallow.services.summaries import JobsPage, Summaries, cursor, place_of
from fallow.services.views import JobView, TasksView, job_view, tasks_view

_ANY_BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}
_MOST_CHUNKS = 1 << 30
_USED = "The job that this key was used for."
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it.", "content": {"application/octet-stream": {}}},
    206: {"description": "The range that was asked for.", "content": {"application/octet-stream": {}}},
    304: {"description": "It is as it was when it had that ETag."},
    416: {"description": "It has no such range."},
}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as it was when it had that ETag."}}


@dataclass(frozen=True)
class FileView:
    """A file of a stream."""

    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class FilesView:
    """The files of a stream, as far as it is there."""

    files: list[FileView]


def router(ctx: Context) -> APIRouter:
    """Everything under /jobs."""
    made = APIRouter(prefix="/api/v1", tags=["jobs"])
    for add in (_making, _looking, _pieces, _fetching):
        add(ctx, made)
    return made


def _making(ctx: Context, router: APIRouter) -> None:
    @router.post("/jobs", status_code=201, responses={200: {"model": JobView, "description": _USED}})
    async def create_job(
        body: JobBody,
        request: Request,
        response: Response,
        idempotency_key: Annotated[str, Header(max_length=255, description="Like `key`.")] = "",
    ) -> JobView:
        """Announce a job; 200 instead of 201 when the key was used before."""
        if idempotency_key and body.key not in ("", idempotency_key):
            raise Rejected("The header Idempotency-Key and `key` name different keys; give one of them.")
        profiles, options = body.typed_profiles(), body.options.typed()
        owner = who(request).makes_for(body.owner)
        if body.source_url:
            await check(ctx, body.source_url)
        job, new = await submit.create(ctx, body.name, profiles, options, body.key or idempotency_key, owner)
        if body.source_url:
            job = await order(ctx, job, body.source_url)
        response.status_code = 201 if new else 200
        return await job_view(ctx, job)

    @router.put("/jobs/{job}/source", openapi_extra=_ANY_BYTES)
    async def upload_source(job: str, request: Request) -> JobView:
        """The source, as the body. Broken off, it can be sent again."""
        try:
            return await job_view(ctx, await receive(ctx, job, request.stream()))
        except ClientDisconnect:
            raise TransferFailed("The upload was broken off; send it again.") from None

    @router.patch("/jobs/{job}")
    async def change_job(job: str, body: JobChanges) -> JobView:
        """Pause a job, go on with it, change its priority."""
        if body.paused is not None:
            await (amend.pause if body.paused else amend.resume)(ctx, job)
        if body.priority is not None:
            await amend.prioritise(ctx, job, body.priority)
        return await job_view(ctx, await ctx.ledger.job(job))

    @router.post("/jobs/{job}/cancel")
    async def cancel_job(job: str) -> JobView:
        """Stop a job; what is finished of it is kept for a retry."""
        return await job_view(ctx, await submit.cancel(ctx, job))

    @router.post("/jobs/{job}/retry")
    async def retry_job(job: str) -> JobView:
        """Go on with a failed or cancelled job."""
        return await job_view(ctx, await submit.retry(ctx, job))

    @router.delete("/jobs/{job}", status_code=204)
    async def delete_job(job: str) -> None:
        """Remove an ended job, with its results."""
        await quality.forget(ctx, job)


def _looking(ctx: Context, router: APIRouter) -> None:
    summaries = Summaries(ctx)

    @router.get("/jobs")
    async def list_jobs(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: str = "",
        state: Annotated[list[JobState] | None, Query()] = None,
        text: str = "",
        kind: JobKind = JobKind.ENCODE,
    ) -> JobsPage:
        """The newest jobs first; `next` of the answer, given as `after`, brings those that follow."""
        place = place_of(after) if after else None
        wanted = Wanted(limit + 1, place, tuple(state or ()), text, who(request).owner, kind)
        found = await ctx.ledger.list_jobs(wanted)
        page = found[:limit]
        return JobsPage(await summaries.of(page), cursor(page[-1]) if len(found) > limit else None)

    @router.get("/jobs/{job}", response_model=JobView, responses=UNCHANGED)
    async def get_job(job: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """One job with its progress; 304 when its ETag is the one that is known."""
        return unless_known(await job_view(ctx, await ctx.ledger.job(job)), if_none_match)


def _pieces(ctx: Context, router: APIRouter) -> None:
    charts = Charts(ctx)

    @router.get("/jobs/{job}/tasks")
    async def list_tasks(job: str) -> TasksView:
        """Every task with all attempts at it."""
        await ctx.ledger.job(job)
        return tasks_view(await ctx.ledger.tasks(job), await ctx.ledger.attempts(job))

    @router.get("/jobs/{job}/map")
    async def get_map(job: str) -> maps.MapView:
        """The state of every chunk in every rendition."""
        return await maps.map_view(ctx, await charts.of(await ctx.ledger.job(job)))

    @router.get("/jobs/{job}/chunks/{rendition}/{number}")
    async def get_chunk(
        job: str, rendition: str, number: Annotated[int, Path(ge=0, le=_MOST_CHUNKS)]
    ) -> maps.ChunkView:
        """One chunk of one rendition, with all attempts at it."""
        return await maps.chunk_view(ctx, (await ctx.ledger.job(job)).id, rendition, number)

    @router.get("/jobs/{job}/timeline")
    async def get_timeline(job: str) -> maps.TimelineView:
        """Every attempt: what ran where, and when."""
        return await maps.timeline_view(ctx, (await ctx.ledger.job(job)).id)

    @router.get("/jobs/{job}/failures")
    async def list_failures(job: str) -> maps.FailuresView:
        """The newest failed attempts, and why they failed."""
        return await maps.failures_view(ctx, (await ctx.ledger.job(job)).id)


def _fetching(ctx: Context, router: APIRouter) -> None:
    playing = Playing(ctx)

    @router.head("/jobs/{job}/results/{rendition}", include_in_schema=False)
    @router.get("/jobs/{job}/results/{rendition}", response_class=Response, responses=BYTES)
    async def get_result(job: str, rendition: str, request: Request) -> Response:
        """A finished rendition; ranges are supported, and the ETag is its SHA-256."""
        return await _result(ctx, job, rendition, request)

    @router.head("/jobs/{job}/source", include_in_schema=False)
    @router.get("/jobs/{job}/source", response_class=Response, responses=BYTES)
    async def get_source(job: str, request: Request) -> Response:
        """The source as it was uploaded, as long as it is kept; ranges are supported."""
        return await sources.source(ctx, request, await ctx.ledger.job(job))

    @router.get("/jobs/{job}/files")
    async def list_files(job: str) -> FilesView:
        """The files of a stream, as far as it is there: what is downloaded is a folder that plays."""
        await ctx.ledger.job(job)
        return FilesView([FileView(**file) for file in await playing.listing(job)])

    @router.head("/jobs/{job}/files/{name:path}", include_in_schema=False)
    @router.get("/jobs/{job}/files/{name:path}", response_class=Response, responses=BYTES)
    async def get_file(job: str, name: str, request: Request) -> Response:
        """A file of a stream; ranges are supported, and the ETag is its SHA-256."""
        return await answer(playing, ctx, request, job, name)


def unless_known(view: object, known: str) -> Response:
    """The view, or 304 for who has it: `known` is what If-None-Match says."""
    body = json.dumps(to_wire(view), separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


async def _result(ctx: Context, job_id: str, name: str, request: Request) -> Response:
    job = await ctx.ledger.job(job_id)
    rendition = next((r for r in job.renditions if r.name == name), None)
    if rendition is None:
        raise NotFound(f"The job {job_id} has no rendition {name[:50]}.")
    if rendition.result is None:
        raise Conflict(f"The rendition {name} of job {job_id} is not finished; the job is {job.state.value}.")
    if options_of(job).streamed:
        raise Conflict(
            f"The result of job {job_id} is a stream of many files; ask for /api/v1/jobs/{job_id}/files."
        )
    scores = JobKind.of(job_id) is JobKind.QUALITY
    ending = ".json" if scores else catalogue.CONTAINERS[options_of(job).container]
    file = urllib.parse.quote(f"{PurePath(job.name).stem}.{name}{ending}")
    headers = {
        "ETag": f'"{rendition.result.sha256}"',
        "Content-Disposition": f"attachment; filename*=UTF-8''{file}",
    }
    return await send(ctx.store, rendition.result.key, request, headers)
