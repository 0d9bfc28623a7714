"""Users, for admins."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from fallow.accounts.users import canonical
from fallow.people import Role, User
from fallow.pipeline.context import Context
from fallow.services.entry import Entry


class NewUser(BaseModel):
    """Somebody who is to have a login."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "bert", "role": "submitter", "password": "four words go here"}]},
    )

    name: str = Field(min_length=1, max_length=64, description="Letters, digits and . _ - @ +; kept in lower case.")
    role: Role = Role.SUBMITTER
    password: str = Field(min_length=1, max_length=1000, description="10 characters or more.")


class UserChange(BaseModel):
    """What is to be different."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "admin"}]})

    role: Role | None = None
    password: str | None = Field(None, min_length=1, max_length=1000, description="All sessions of the user end.")


class UserView(BaseModel):
    """A user."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "bert", "role": "submitter", "created": 1760000000.0}]}
    )

    name: str
    role: Role
    created: float

    @classmethod
    def of(cls, user: User) -> UserView:
        return cls(name=user.name, role=user.role, created=user.created)


class UsersView(BaseModel):
    """All users, by name."""

    users: list[UserView]


def router(ctx: Context, entry: Entry) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["access"])

    @router.get("/users", operation_id="users")
    async def users() -> UsersView:
        return UsersView(users=[UserView.of(user) for user in await ctx.ledger.users()])

    @router.post("/users", operation_id="add_user", status_code=201)
    async def add(body: NewUser) -> UserView:
        return UserView.of(await entry.users.add(body.name, body.password, body.role, entry.now()))

    @router.patch("/users/{name}", operation_id="change_user")
    async def change(name: str, body: UserChange) -> UserView:
        """A new role, at once; a new password."""
        name = canonical(name)
        if body.password is not None:
            await entry.users.change_password(name, body.password)
        if body.role is not None:
            await ctx.ledger.set_role(name, body.role)
        return UserView.of(await entry.users.find(name))

    @router.delete("/users/{name}", operation_id="remove_user", status_code=204)
    async def remove(name: str) -> None:
        """With their sessions, tokens, profiles and webhooks; ended jobs stay, for admins."""
        await ctx.ledger.remove_user(canonical(name))

    return router
