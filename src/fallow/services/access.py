"""Who is asking, and whether they may: what every request for the API passes before anything of it is read.

Nothing is left to the routes: what is under `/jobs/{job}` is checked here for its owner, whichever route it is, and
a new route is for those whom `needed` says.
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fallow.errors import FallowError, Forbidden, NotAllowed, NotFound
from fallow.people import Role
from fallow.pipeline.context import Context
from fallow.services.agents_api import bearer, same
from fallow.services.answers import Early, refusal

PREFIX = "/api/v1/"
SAFE = ("GET", "HEAD", "OPTIONS")
_OF_JOB = re.compile(rf"{PREFIX}(?:jobs|uploads)/([^/]+)")

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
}
"""What every answer to people has, unless it says something else itself."""


@dataclass(frozen=True)
class Who:
    """The user that a request comes from."""

    name: str  # "": who runs the platform: by its token, or on its machine
    role: Role
    via: str = "loopback"  # or session, token

    @property
    def owner(self) -> str | None:
        """Whose jobs they see; None: everybody's."""
        return None if self.role is Role.ADMIN else self.name

    def makes_for(self, owner: str) -> str:
        """Whose a new job is when it was said to be of this owner ("": nothing was said). Raises Forbidden."""
        if owner and not self.sees(owner):
            raise NotAllowed(f"Jobs of {owner[:50]} are made by {owner[:50]}, or by an admin; leave the owner out.")
        return owner or self.name

    def sees(self, owner: str) -> bool:
        """Whether they may know of the jobs of this owner."""
        return self.owner in (None, owner)


def who(request: Request) -> Who:
    """The user of a request that was let in."""
    found = request.scope["state"]["who"]
    assert isinstance(found, Who)  # noqa: S101 - set by Access alone
    return found


async def check_owner(ctx: Context, somebody: Who, job: str) -> None:
    """Raises NotFound for a job of others, as for one that is not there."""
    if somebody.role is not Role.ADMIN and not somebody.sees((await ctx.ledger.job(job)).owner):
        raise NotFound(f"There is no job {job}; `fallow jobs` lists those that there are.")


def needed(method: str, path: str) -> Role:
    """The least role that may ask for this."""
    asked = path.removeprefix(PREFIX)
    if asked.partition("/")[0] in _ADMINS:
        return Role.ADMIN
    return Role.VIEWER if method in SAFE or asked.startswith(_HARMLESS) else Role.SUBMITTER


class Access:
    """Lets in who may ask, and has every answer say what browsers may do with it."""

    def __init__(self, app: ASGIApp, ctx: Context, api_token: str) -> None:
        self._app, self._ctx = app, ctx
        self._api_token = api_token  # "": nobody needs to say who they are

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._admit(Request(scope))
        except FallowError as error:
            answer = refusal(error)
            await (answer if scope["method"] in SAFE else Early(answer))(scope, receive, _guarded(send))
        else:
            await self._app(scope, receive, _guarded(send))

    async def _admit(self, request: Request) -> None:
        """Raises Forbidden, NotFound."""
        path = request.scope["path"]
        if not path.startswith(PREFIX):
            return  # the API's description
        if request.method not in SAFE:
            _check_site(request)
        somebody = self._recognised(request)
        if not somebody.role.covers(role := needed(request.method, path)):
            raise NotAllowed(f"This is for those who are {role.value}; you are {somebody.role.value}.")
        if named := _OF_JOB.match(path):
            await check_owner(self._ctx, somebody, named[1])
        request.scope.setdefault("state", {})["who"] = somebody

    def _recognised(self, request: Request) -> Who:
        """Raises Forbidden when nobody is."""
        given = bearer(request)
        if not self._api_token:
            return Who("", Role.ADMIN)
        if given and not same(given, self._api_token):
            raise Forbidden("This is not the platform's API token; `fallow up` prints the right one.")
        if not given:
            raise Forbidden("This needs the platform's API token; give it with --token or FALLOW_API_TOKEN.")
        return Who("", Role.ADMIN, "token")


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


def _guarded(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
