"""Logging in and out, making the first admin, changing one's password."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from fallow.errors import Conflict, NotAllowed
from fallow.people import Role
from fallow.services.access import Who, who
from fallow.services.entry import COOKIE, Entry


class Credentials(BaseModel):
    """Who logs in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "anna", "password": "…"}]})

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1000)


class FirstAdmin(Credentials):
    """Who sets the platform up."""

    token: str = Field(max_length=200, description="From the link that `fallow up` shows at its first start.")


class PasswordChange(BaseModel):
    """A new password, by who knows the old one."""

    model_config = ConfigDict(extra="forbid")

    old: str = Field(min_length=1, max_length=1000)
    new: str = Field(min_length=1, max_length=1000, description="10 characters or more; all other sessions end.")


class Me(BaseModel):
    """Who asks."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "anna", "role": "submitter", "login": True, "via": "session"}]}
    )

    name: str = Field(description="Empty for who runs the platform.")
    role: Role
    login: bool = Field(description="Whether this gateway needs a login.")
    via: str = Field(description="How they got in: loopback, session or token.")

    @classmethod
    def of(cls, somebody: Who, entry: Entry) -> Me:
        return cls(name=somebody.name, role=somebody.role, login=entry.closed, via=somebody.via)


def router(entry: Entry) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["access"])

    @router.get("/me", operation_id="me")
    async def me(request: Request) -> Me:
        """Who I am to this gateway; 401 when nobody is logged in."""
        return Me.of(who(request), entry)

    @router.post("/login", operation_id="log_in")
    async def log_in(body: Credentials, request: Request, response: Response) -> Me:
        """A session, as a cookie; 429 says in `Retry-After` when to try again."""
        _check_closed(entry)
        token, user = await entry.sessions.log_in(body.name, body.password, entry.address(request))
        _give(entry, request, response, token)
        return Me.of(Who(user.name, user.role, "session"), entry)

    @router.post("/logout", operation_id="log_out", status_code=204)
    async def log_out(request: Request, response: Response) -> None:
        """The session of this browser ends."""
        await entry.sessions.end(request.cookies.get(COOKIE, ""))
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")

    @router.post("/setup", operation_id="set_up", status_code=201)
    async def set_up(body: FirstAdmin, request: Request, response: Response) -> Me:
        """The first admin, who is logged in at once. Works until there is one."""
        _check_closed(entry)
        entry.setup.check(body.token)
        user = await entry.users.add_first(body.name, body.password, entry.now())
        _give(entry, request, response, await entry.sessions.begin(user))
        return Me.of(Who(user.name, user.role, "session"), entry)

    @router.post("/password", operation_id="change_password", status_code=204)
    async def change_password(body: PasswordChange, request: Request) -> None:
        """All sessions of the user end but this one."""
        somebody = who(request)
        if not somebody.name:
            raise Conflict("Who runs the platform has no password; log in as a user.")
        if await entry.sessions.proven(somebody.name, body.old, entry.address(request)) is None:
            raise NotAllowed("The old password is wrong.")
        await entry.users.change_password(somebody.name, body.new, somebody.session)

    return router


def _check_closed(entry: Entry) -> None:
    if not entry.closed:
        raise Conflict("Nobody needs to log in here: this gateway is for this machine alone.")


def _give(entry: Entry, request: Request, response: Response, token: str) -> None:
    """The cookie: no script reads it, no other site's page sends it. Browsers say in Origin how they got here."""
    encrypted = request.headers.get("origin", "").startswith("https://")
    response.set_cookie(
        COOKIE, token, max_age=entry.sessions.most, httponly=True, samesite="strict", secure=encrypted
    )
