"""The API for people: it decodes, calls the pipeline, encodes."""

from __future__ import annotations

import urllib.parse
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect

from fallow import __version__, catalogue
from fallow.errors import Conflict, NotFound, Rejected, TransferFailed
from fallow.messages import to_wire
from fallow.pipeline import submit
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import options_of
from fallow.pipeline.playing import Playing
from fallow.pipeline.receive import receive
from fallow.profile_files import load as load_profiles
from fallow.profile_files import user_files
from fallow.services.access import Access, who
from fallow.services.answers import HANDLERS, refusal
from fallow.services.objects import send
from fallow.services.play import answer
from fallow.services.schemas import JobBody
from fallow.services.views import JobView, job_view, job_views, tasks_view


def build(ctx: Context, api_token: str) -> FastAPI:
    """The app; without a token anybody who reaches it may use it."""
    app = FastAPI(
        title="Fallow",
        version=__version__,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        exception_handlers={**HANDLERS, RequestValidationError: _malformed},
    )
    app.add_middleware(Access, ctx=ctx, api_token=api_token)
    for router in (_jobs(ctx), _streams(ctx)):
        app.include_router(router)
    return app


def _jobs(ctx: Context) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.post("/jobs", status_code=201)
    async def create(body: JobBody, request: Request, response: Response) -> JobView:
        """Announce a job; 200 instead of 201 when the key was used before."""
        profiles, options = body.typed_profiles(), body.options.typed()
        owner = who(request).makes_for(body.owner)
        job, new = await submit.create(ctx, body.name, profiles, options, body.key, owner)
        response.status_code = 201 if new else 200
        return await job_view(ctx, job)

    @router.put("/jobs/{job}/source")
    async def upload(job: str, request: Request) -> JobView:
        """The source, as the body. Broken off, it can be sent again."""
        try:
            return await job_view(ctx, await receive(ctx, job, request.stream()))
        except ClientDisconnect:
            raise TransferFailed("The upload was broken off; send it again.") from None

    @router.get("/jobs")
    async def listing(request: Request, limit: int = 100) -> dict[str, list[JobView]]:
        return await job_views(ctx, await ctx.ledger.jobs(max(1, min(1000, limit)), who(request).owner))

    @router.get("/jobs/{job}")
    async def show(job: str) -> JobView:
        return await job_view(ctx, await ctx.ledger.job(job))

    @router.post("/jobs/{job}/cancel")
    async def cancel(job: str) -> JobView:
        return await job_view(ctx, await submit.cancel(ctx, job))

    @router.post("/jobs/{job}/retry")
    async def retry(job: str) -> JobView:
        return await job_view(ctx, await submit.retry(ctx, job))

    @router.delete("/jobs/{job}", status_code=204)
    async def forget(job: str) -> None:
        await submit.forget(ctx, job)

    @router.get("/jobs/{job}/tasks")
    async def tasks(job: str) -> dict[str, Any]:
        await ctx.ledger.job(job)
        return tasks_view(await ctx.ledger.tasks(job), await ctx.ledger.attempts(job))

    @router.api_route("/jobs/{job}/results/{rendition}", methods=["GET", "HEAD"])
    async def result(job: str, rendition: str, request: Request) -> Response:
        """A finished rendition; ranges are supported, and the ETag is its SHA-256."""
        return await _result(ctx, job, rendition, request)

    @router.get("/workers")
    async def workers() -> dict[str, Any]:
        return {"workers": [to_wire(worker) for worker in await ctx.ledger.workers()]}

    @router.get("/profiles")
    async def profiles() -> dict[str, Any]:
        return {"profiles": [to_wire(profile) for profile in load_profiles(user_files()).values()]}

    return router


def _streams(ctx: Context) -> APIRouter:
    router, playing = APIRouter(prefix="/api/v1"), Playing(ctx)

    @router.get("/jobs/{job}/files")
    async def files(job: str) -> dict[str, Any]:
        """The files of a stream, as far as it is there: what is downloaded is a folder that plays."""
        await ctx.ledger.job(job)
        return {"files": await playing.listing(job)}

    @router.api_route("/jobs/{job}/files/{name:path}", methods=["GET", "HEAD"])
    async def file(job: str, name: str, request: Request) -> Response:
        """A file of a stream; ranges are supported, and the ETag is its SHA-256."""
        return await answer(playing, ctx, request, job, name)

    return router


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
    ending = catalogue.CONTAINERS[options_of(job).container]
    file = urllib.parse.quote(f"{PurePath(job.name).stem}.{name}{ending}")
    headers = {
        "ETag": f'"{rendition.result.sha256}"',
        "Content-Disposition": f"attachment; filename*=UTF-8''{file}",
    }
    return await send(ctx.store, rendition.result.key, request, headers)


async def _malformed(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    what = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in found)
    return refusal(Rejected(f"The request is not understood: {what[:500]}."), 422)
