"""The API for people: it decodes, calls the pipeline, encodes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from fallow import __version__
from fallow.errors import Rejected
from fallow.messages import to_wire
from fallow.pipeline.context import Context
from fallow.profile_files import load as load_profiles
from fallow.profile_files import user_files
from fallow.services import events_api, jobs_api
from fallow.services.access import Access
from fallow.services.answers import HANDLERS, refusal


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
    for router in (jobs_api.router(ctx), events_api.router(ctx), _fleet(ctx)):
        app.include_router(router)
    return app


def _fleet(ctx: Context) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/workers")
    async def workers() -> dict[str, Any]:
        return {"workers": [to_wire(worker) for worker in await ctx.ledger.workers()]}

    @router.get("/profiles")
    async def profiles() -> dict[str, Any]:
        return {"profiles": [to_wire(profile) for profile in load_profiles(user_files()).values()]}

    return router


async def _malformed(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    what = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in found)
    return refusal(Rejected(f"The request is not understood: {what[:500]}."), 422)
