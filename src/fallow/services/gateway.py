"""The API for people: it decodes, calls the pipeline, encodes."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from fallow import __version__
from fallow.errors import Rejected
from fallow.pipeline.context import Context
from fallow.services import events_api, fleet_api, jobs_api, numbers_api, profiles_api, uploads_api
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
    for api in (jobs_api, events_api, fleet_api, numbers_api, profiles_api, uploads_api):
        app.include_router(api.router(ctx))
    return app


async def _malformed(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    what = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in found)
    return refusal(Rejected(f"The request is not understood: {what[:500]}."), 422)
