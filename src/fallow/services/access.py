"""Who is asking, and whether they may: what every request for the API passes before anything of it is read.

Nothing is left to the routes: what is under `/jobs/{job}` is checked here for its owner, whichever route it is, and
a new route is for those whom `needed` says.
"""

from __future__ import annotations

import contextlib
import re
import time
import urllib.parse

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fallow.errors import FallowError, NotAllowed, NotFound, TooLarge
from fallow.people import Role
from fallow.pipeline.context import Context
from fallow.services.answers import Early, refusal
from fallow.services.entry import Entry, Who

__all__ = ["Access", "Who", "check_owner", "needed", "who"]

PREFIX = "/api/v1/"
SAFE = ("GET", "HEAD", "OPTIONS")
AGAIN = 60.0  # seconds after which it is looked whether who listens is still let in
MOST = 4 << 20  # bytes of a body that is read whole
_STREAMED = re.compile(rf"{PREFIX}(?:uploads|jobs/[^/]+/source\Z)")  # bodies of any length
_OF_JOB = re.compile(rf"{PREFIX}(?:jobs|uploads)/([^/]+)")

_STRANGERS = ("login", "logout", "setup")
"""What is asked by who is not logged in."""
_ADMINS = ("users", "workers", "join-tokens", "statistics")
"""What is about everybody, by the first word of the path."""
_HARMLESS = ("profiles/check", "estimates", "password", "tokens")
"""What changes nothing, or only what is about who asks, though its method could."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
}
"""What every answer to people has, unless it says something else itself."""


def who(request: Request) -> Who:
    """The user of a request that was let in."""
    found = request.scope["state"]["who"]
    assert isinstance(found, Who)  # noqa: S101 - set by Access alone
    return found


async def check_owner(ctx: Context, somebody: Who, job: str) -> None:
    """Raises NotFound for a job of others, as for one that is not there."""
    if somebody.owner is not None and await ctx.ledger.owner_of(job) != somebody.owner:
        raise NotFound(f"There is no job {job}; `fallow jobs` lists those that there are.")


def needed(method: str, path: str) -> Role:
    """The least role that may ask for this."""
    asked = path.removeprefix(PREFIX)
    if asked.partition("/")[0] in _ADMINS:
        return Role.ADMIN
    return Role.VIEWER if method in SAFE or asked.startswith(_HARMLESS) else Role.SUBMITTER


class _Over(Exception):
    """The answer was ended before it was whole."""


class Access:
    """Lets in who may ask, and has every answer say what browsers may do with it."""

    def __init__(self, app: ASGIApp, ctx: Context, entry: Entry) -> None:
        self._app, self._ctx, self._entry = app, ctx, entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, guarded = Request(scope), _guarded(send)
        try:
            await self._admit(request)
        except FallowError as error:
            await _refuse(refusal(error), scope, receive, guarded)
        else:
            with contextlib.suppress(_Over):
                await self._go_on(request, receive, self._while_let_in(request, guarded))

    async def _go_on(self, request: Request, receive: Receive, send: Send) -> None:
        if _STREAMED.match(request.scope["path"]):
            await self._app(request.scope, receive, send)
        elif _told_size(request) > MOST:
            error = TooLarge(f"The request is too long; at most {MOST >> 20} MiB are taken.")
            await _refuse(refusal(error), request.scope, receive, send)
        else:
            await self._app(request.scope, _bounded(receive), send)

    def _while_let_in(self, request: Request, send: Send) -> Send:
        """An answer of no known length, as events are, ends when who asked for it is not let in any more."""
        checked, endless = time.monotonic(), False

        async def sending(message: Message) -> None:
            nonlocal checked, endless
            if message["type"] == "http.response.start":
                endless = not any(name == b"content-length" for name, _ in message["headers"])
            elif endless and time.monotonic() - checked > AGAIN and "who" in request.scope.get("state", {}):
                checked = time.monotonic()
                try:
                    await self._entry.recognised(request)
                except FallowError:
                    await send({"type": "http.response.body", "body": b""})
                    raise _Over from None
            await send(message)

        return sending

    async def _admit(self, request: Request) -> None:
        """Raises Forbidden, NotAllowed, NotFound, TooOften."""
        path = request.scope["path"]
        if not path.startswith(PREFIX):
            return  # the API's description
        if request.method not in SAFE:
            _check_site(request)
        if path.removeprefix(PREFIX) in _STRANGERS:
            return
        somebody = await self._entry.recognised(request)
        if not somebody.role.covers(role := needed(request.method, path)):
            raise NotAllowed(f"This needs the role {role.value}; yours is {somebody.role.value}.")
        if named := _OF_JOB.match(path):
            await check_owner(self._ctx, somebody, named[1])
        if request.method == "POST" and (asked := path.removeprefix(PREFIX)) in ("jobs", "uploads"):
            self._entry.begin(somebody, asked)
        request.scope.setdefault("state", {})["who"] = somebody


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    await (answer if scope["method"] in SAFE else Early(answer))(scope, receive, send)


def _check_site(request: Request) -> None:
    """Raises NotAllowed when a page of another site is behind this: in a browser that has the user's cookie, or is
    on this machine. Programs, which no page leads, say nothing of where they come from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = (
            origin is None
            or urllib.parse.urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
        )
    if not own:
        raise NotAllowed("A page of another site asks for this; only the platform's own may.")


def _told_size(request: Request) -> int:
    told = request.headers.get("content-length", "")
    return int(told) if told.isdecimal() else 0


def _bounded(receive: Receive) -> Receive:
    """For bodies that are read into memory whole: what is longer breaks off."""
    read = 0

    async def receiving() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return message if read <= MOST else {"type": "http.disconnect"}

    return receiving


def _guarded(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] == 401:
                headers["WWW-Authenticate"] = "Bearer"
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
