"""API tokens of who asks, and tokens with which devices join."""

from __future__ import annotations

import socket

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from fallow.errors import NotAllowed
from fallow.people import ApiToken, Role
from fallow.services.access import Who, who
from fallow.services.entry import Entry
from fallow.services.front import LOOPBACK_NAMES

_TOKEN: dict[str, JsonValue] = {
    "id": "5f2c…",
    "name": "nightly",
    "role": "submitter",
    "created": 1760000000.0,
    "expires": None,
    "used": None,
}


class NewToken(BaseModel):
    """What a program is to get in with."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "nightly", "role": "submitter", "days": 90}]}
    )

    name: str = Field(min_length=1, max_length=128, description="What it is for.")
    role: Role = Field(description="At most one's own.")
    days: float | None = Field(None, gt=0, le=3660, description="How long it lasts; null: until it is revoked.")


class TokenView(BaseModel):
    """A token, without itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TOKEN]})

    id: str
    name: str
    role: Role
    created: float
    expires: float | None
    used: float | None = Field(description="When it was used last, to the minute.")

    @classmethod
    def of(cls, token: ApiToken) -> TokenView:
        return cls(**{name: getattr(token, name) for name in TokenView.model_fields})


class MadeToken(TokenView):
    """A new token; it is told this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_TOKEN, "token": "fallow_…"}]})

    token: str


class TokensView(BaseModel):
    """One's tokens, the newest first."""

    tokens: list[TokenView]


class NewJoinToken(BaseModel):
    """For devices that are to join soon."""

    model_config = ConfigDict(extra="forbid")

    minutes: float = Field(60, gt=0, le=10_080, description="How long it can be joined with.")


class JoinTokenView(BaseModel):
    """What a device joins with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "…", "expires": 1760003600.0, "url": "https://fallow.example"}]}
    )

    token: str
    expires: float
    url: str = Field(description="The server, as devices address it.")


def router(entry: Entry) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["access"])

    @router.get("/tokens", operation_id="api_tokens")
    async def tokens(request: Request) -> TokensView:
        return TokensView(tokens=[TokenView.of(token) for token in await entry.tokens.of(who(request).name)])

    @router.post("/tokens", operation_id="make_api_token", status_code=201)
    async def make(body: NewToken, request: Request) -> MadeToken:
        """A new API token: it sees and makes what its user does, as far as its role goes."""
        somebody = who(request)
        _check(somebody, body.role)
        made, token = await entry.tokens.make(somebody.name, body.name, body.role, body.days)
        return MadeToken(**TokenView.of(made).model_dump(), token=token)

    @router.delete("/tokens/{id}", operation_id="revoke_api_token", status_code=204)
    async def revoke(id: str, request: Request) -> None:
        """It is not let in any more, from now on."""
        await entry.tokens.revoke(who(request).name, id)

    @router.post("/join-tokens", operation_id="make_join_token", status_code=201)
    async def join(body: NewJoinToken, request: Request) -> JoinTokenView:
        """A token with which any number of devices join, for a while."""
        made, token = await entry.tokens.make_join(who(request).name, body.minutes)
        return JoinTokenView(token=token, expires=made.expires, url=_address(request, entry))

    return router


def _check(somebody: Who, role: Role) -> None:
    """Raises NotAllowed. A token that was stolen is of no use when it has expired, so none makes another."""
    if somebody.via == "token" and somebody.name:
        raise NotAllowed("A token makes no tokens; log in for that.")
    if not somebody.role.covers(role):
        raise NotAllowed(f"Your role is {somebody.role.value}; a token of yours cannot be {role.value}.")


def _address(request: Request, entry: Entry) -> str:
    """As the page was reached; but what only this machine calls itself is of no use to others."""
    scheme, _, host = request.headers.get("origin", "http://" + request.headers.get("host", "")).partition("://")
    name, port = host.rpartition(":")[::2] if ":" in host and not host.endswith("]") else (host, "")
    if entry.closed and name in LOOPBACK_NAMES:
        host = socket.gethostname() + (port and f":{port}")
    return f"{scheme}://{host}"
