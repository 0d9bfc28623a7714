"""How people get in: as those who are on this machine, with a session of their browser, or with a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from fallow.accounts.limits import Limit, Tries
from fallow.accounts.passwords import Smithy
from fallow.accounts.sessions import Lasting, Sessions
from fallow.accounts.tokens import Tokens
from fallow.accounts.users import Setup, Users
from fallow.errors import Forbidden, NotAllowed
from fallow.people import Role
from fallow.pipeline.context import Context
from fallow.services.agents_api import bearer, same

__all__ = ["COOKIE", "Entry", "Lasting", "Login", "Who"]

COOKIE = "fallow_session"
EVENTS = "/api/v1/events"
"""Whoever only listens may have left the page open, and gone."""
PER_MAKER = Limit(tries=1000, pause=1.0)  # jobs, and uploads, that one user begins


@dataclass(frozen=True)
class Who:
    """The user that a request comes from."""

    name: str  # "": who runs the platform: by its token, or on its machine
    role: Role
    via: str = "loopback"  # or session, token
    session: str = ""  # the digest of its token

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


def _check_near(request: Request) -> None:
    """Raises Forbidden for what comes through a proxy of this machine: that is everybody."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        raise Forbidden(
            "This gateway is for this machine alone, and a proxy asks; set FALLOW_API_TOKEN for a login."
        )


@dataclass(frozen=True)
class Login:
    """How people log in to a gateway."""

    setup_token: str = ""  # with which the first admin is made; "": by other means
    lasting: Lasting = field(default_factory=Lasting)
    proxies: Sequence[str] = ()  # addresses of those who say truly for whom they ask


class Entry:
    """Who gets in to one gateway."""

    def __init__(self, ctx: Context, api_token: str, login: Login) -> None:
        smithy, self._clock = Smithy(), ctx.clock
        self._api_token, self._login = api_token, login
        self.users, self.setup = Users(ctx.ledger, smithy), Setup(login.setup_token)
        self.sessions = Sessions(ctx.ledger, smithy, login.lasting, self.now)
        self.tokens = Tokens(ctx.ledger, self.now)
        self._begun = Tries(PER_MAKER, self.now)

    def now(self) -> float:
        return self._clock.now()

    @property
    def closed(self) -> bool:
        """Whether people must say who they are."""
        return bool(self._api_token)

    async def recognised(self, request: Request) -> Who:
        """Raises Forbidden when it is nobody."""
        if not self.closed:
            _check_near(request)
            return Who("", Role.ADMIN)
        if given := bearer(request):
            return await self._by_token(given)
        found = await self.sessions.find(request.cookies.get(COOKIE, ""))
        if found is None:
            raise Forbidden("Log in first; programs show an API token, with --token or FALLOW_API_TOKEN.")
        session, user = found
        if request.scope["path"] != EVENTS:
            await self.sessions.use(session)
        return Who(user.name, user.role, "session", session.token_sha256)

    async def _by_token(self, given: str) -> Who:
        if same(given, self._api_token):
            return Who("", Role.ADMIN, "token")
        found = await self.tokens.find(given)
        if found is None:
            raise Forbidden(
                "This API token is unknown or has expired; make a new one, or take what `fallow up` prints."
            )
        return Who(*found, "token")

    def begin(self, somebody: Who, what: str) -> None:
        """They make one more of these. Raises TooOften."""
        if somebody.name:
            self._begun.spend(f"{what} {somebody.name}")

    def address(self, request: Request) -> str:
        """Whence it comes: behind a proxy that is known, what that says."""
        address = request.client.host if request.client else ""
        for told in reversed(request.headers.get("x-forwarded-for", "").split(",")):
            if address not in self._login.proxies or not told.strip():
                break
            address = told.strip()
        return address
