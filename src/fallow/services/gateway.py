"""The API for people: it decodes, calls the pipeline, encodes."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from fallow import __version__
from fallow.errors import Rejected
from fallow.pipeline.context import Context
from fallow.services import (
    events_api,
    fleet_api,
    jobs_api,
    login_api,
    numbers_api,
    platform_api,
    profiles_api,
    quality_api,
    tokens_api,
    uploads_api,
    users_api,
    webhooks_api,
)
from fallow.services.access import Access
from fallow.services.answers import HANDLERS, refusal
from fallow.services.description import describe, name_of
from fallow.services.entry import Entry, Login


def build(ctx: Context, api_token: str, login: Login = Login()) -> FastAPI:  # noqa: B008 - a frozen value
    """The app; without a token anybody who reaches it may use it."""
    entry = Entry(ctx, api_token, login)
    app = FastAPI(
        title="Fallow",
        version=__version__,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        exception_handlers={**HANDLERS, RequestValidationError: _malformed},
        generate_unique_id_function=name_of,
    )
    app.add_middleware(Access, ctx=ctx, entry=entry)
    for api in (
        jobs_api,
        events_api,
        fleet_api,
        numbers_api,
        platform_api,
        profiles_api,
        quality_api,
        uploads_api,
        webhooks_api,
    ):
        app.include_router(api.router(ctx))
    for router in (login_api.router(entry), users_api.router(ctx, entry), tokens_api.router(entry)):
        app.include_router(router)
    describe(app)
    return app


async def _malformed(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    what = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in found)
    return refusal(Rejected(f"The request is not understood: {what[:500]}."), 422)
