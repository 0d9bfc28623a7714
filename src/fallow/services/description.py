"""The API's description for programs (OpenAPI): what each call may be refused with, and what errors look like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

SAFE = ("get", "head")
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "type": "object",
    "required": ["type", "title", "status", "kind"],
    "properties": {
        "type": {"type": "string", "description": "The class of the error."},
        "title": {"type": "string", "description": "A sentence: what happened, to what, and what to do."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "kind": {
            "type": "string",
            "enum": ["rejected", "retryable", "cancelled"],
            "description": "rejected: trying again cannot help; retryable: it may.",
        },
    },
    "examples": [
        {
            "type": "urn:fallow:not-found",
            "title": "There is no job 3f1c; `fallow jobs` lists those that there are.",
            "status": 404,
            "kind": "rejected",
        }
    ],
}


def describe(app: FastAPI) -> None:
    """Give the app's description what FastAPI does not know."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def name_of(route: APIRoute) -> str:
    """What programs call a route: by its function's name, which says what it does."""
    return route.name


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["responses"] = {
        name: {"description": told, "content": _PROBLEMS} for name, told in _REFUSALS.values()
    }
    for path, calls in found["paths"].items():
        for method, call in calls.items():
            call["responses"].pop("422", None)
            for status in _statuses(path, method):
                name, _ = _REFUSALS[status]
                call["responses"].setdefault(status, {"$ref": f"#/components/responses/{name}"})
    return found


_PROBLEMS = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSALS = {
    "401": ("Unknown", "Nobody is logged in, or the token is none of this platform's."),
    "403": ("NotAllowed", "Who asks is known, and may not do this."),
    "404": ("NotFound", "There is no such thing, or it is somebody else's."),
    "409": ("Conflict", "The present state does not allow this."),
    "422": ("Rejected", "The request makes no sense; the sentence says what."),
    "503": ("Unavailable", "A back end cannot be reached at the moment; try again."),
    "default": ("Other", "Something else is wrong; the sentence says what."),
}


def _statuses(path: str, method: str) -> Iterator[str]:
    yield from ("401", "403")
    if "{" in path or method == "get":
        yield "404"
    if method not in SAFE:
        yield "409"
    yield from ("422", "503", "default")
