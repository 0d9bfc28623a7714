"""Errors as answers: problem+json with a sentence and what may be done about it, under a fitting status."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from fallow import errors, log

PATIENCE = 10.0  # seconds
MOST_DROPPED = 64 << 20  # bytes
_ENDED = "fallow.body_ended"

# The first class that fits decides.
_STATUSES: list[tuple[type[errors.FallowError], int]] = [
    (errors.Gone, 410),
    (errors.NotFound, 404),
    (errors.NotAllowed, 403),
    (errors.TooLarge, 413),
    (errors.WrongDigest, 460),
    (errors.TakenOver, 423),
    (errors.Forbidden, 401),
    (errors.Conflict, 409),
    (errors.IllegalMove, 409),
    (errors.Cancelled, 409),
    (errors.Rejected, 422),
    (errors.BrokenPart, 422),
    (errors.StorageFull, 507),
    (errors.TooOften, 429),
    (errors.Retryable, 503),
]


def refusal(error: errors.FallowError, status: int | None = None) -> JSONResponse:
    """The answer to a call that failed."""
    if status is None:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    return problem(error, status)


def problem(error: errors.FallowError, status: int) -> JSONResponse:
    """As RFC 9457 has it: `type` names the class, `title` is the sentence."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    told = {"type": f"urn:fallow:{name}", "title": str(error), "status": status, "kind": error.kind}
    wait = {"Retry-After": str(math.ceil(error.seconds))} if isinstance(error, errors.TooOften) else {}
    return JSONResponse(told, status, wait, media_type="application/problem+json")


class Early(Response):
    """An answer that is sent while its request's body still comes.

    A connection that is closed with bytes unread is reset, and the answer may be lost with it: so what comes is
    read and dropped, for a while.
    """

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.body, answer.status_code, dict(answer.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(_drop(scope, receive), PATIENCE)
        await send({"type": "http.response.body", "body": b""})


def noting_the_end(scope: Scope, receive: Receive) -> Receive:
    """Notes in the scope when the request's body has ended: nobody could tell afterwards."""

    async def noting() -> Message:
        message = await receive()
        if not message.get("more_body", False):
            scope[_ENDED] = True
        return message

    return noting


async def _drop(scope: Scope, receive: Receive) -> None:
    dropped = 0
    while not scope.get(_ENDED) and dropped < MOST_DROPPED:
        dropped += len((await receive()).get("body", b""))


def bug() -> JSONResponse:
    """The answer when something went wrong that nobody thought of; the log has the rest."""
    told = "Something went wrong in the server that it did not expect; its log says more."
    return problem(errors.Retryable(told), 500)


async def _refused(request: Request, error: Exception) -> Response:
    answer = refusal(error) if isinstance(error, errors.FallowError) else bug()
    return Early(answer) if request.method == "PUT" else answer


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        answer = problem(errors.Rejected(f"{request.method} is not what this address is for."), status)
        answer.headers.update(getattr(error, "headers", None) or {})  # what it is for
        return answer
    return problem(errors.NotFound("There is nothing at this address."), status)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return bug()  # the error goes on to the front door, which logs it


async def _gone(request: Request, _error: Exception) -> Response:
    log.event("request.left", method=request.method, path=request.url.path)
    return Response(status_code=400)  # which nobody reads


HANDLERS: dict[Any, Any] = {
    errors.FallowError: _refused,
    HTTPException: _no_such_route,
    ClientDisconnect: _gone,
    Exception: _unexpected,
}
"""How apps answer what is raised in them."""
