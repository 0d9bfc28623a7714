"""Who uses a platform: what people may do, their sessions and tokens, and what a ledger keeps of them.

Secrets are kept as digests only: who reads the ledger cannot get in with what is in it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class Role(enum.Enum):
    """What somebody may do; each may do all that those above it may."""

    VIEWER = "viewer"  # sees the own jobs
    SUBMITTER = "submitter"  # makes and changes them, too
    ADMIN = "admin"  # everything, and for everybody

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """Whether who has this role may do what needs that one."""
        return self.rank >= needed.rank

    def within(self, most: Role) -> Role:
        """This role, or that one, whichever may do less."""
        return self if most.covers(self) else most


@dataclass(frozen=True)
class User:
    """Somebody with a name and a password."""

    name: str
    role: Role
    password: str  # its Argon2 hash
    created: float


@dataclass(frozen=True)
class Session:
    """A browser in which somebody is logged in."""

    token_sha256: str
    user: str
    created: float
    seen: float  # roughly: it is not noted at every request
    expires: float  # whatever is done with it


@dataclass(frozen=True)
class ApiToken:
    """What a program of somebody's gets in with."""

    id: str
    user: str  # "": who runs the platform
    name: str  # for people
    role: Role
    token_sha256: str
    created: float
    expires: float | None = None  # None: never
    used: float | None = None  # roughly


@dataclass(frozen=True)
class JoinToken:
    """What devices join with for a short time."""

    token_sha256: str
    user: str  # who made it
    created: float
    expires: float


class People(Protocol):
    """The part of the ledger that is about those who use it."""

    # users
    async def add_user(self, user: User) -> bool:
        """False when the name is taken."""
        ...

    async def add_first_admin(self, user: User) -> bool:
        """False when the name is taken, or there is an admin already."""
        ...

    async def user(self, name: str) -> User | None: ...

    async def users(self) -> list[User]:
        """By name."""
        ...

    async def has_admin(self) -> bool: ...

    async def set_role(self, name: str, role: Role) -> None:
        """Raises NotFound; Conflict when no admin would be left."""
        ...

    async def set_password(self, name: str, password: str, but: str = "") -> None:
        """Ends the user's sessions, but the one of this digest. Raises NotFound."""
        ...

    async def remove_user(self, name: str) -> None:
        """With all that is theirs; their jobs are the platform's from then on, so that nobody gets them who gets
        the name. Raises NotFound; Conflict when no admin would be left, or jobs of theirs are unfinished."""
        ...

    # sessions
    async def begin_session(self, session: Session) -> None: ...

    async def session(self, token_sha256: str) -> tuple[Session, User] | None:
        """Whether or not it has expired."""
        ...

    async def saw_session(self, token_sha256: str, at: float) -> None: ...
    async def end_session(self, token_sha256: str) -> None: ...

    async def forget_expired(self, now: float, idle_since: float) -> None:
        """Removes sessions and join tokens that nobody gets in with any more."""
        ...

    # tokens
    async def add_api_token(self, token: ApiToken) -> None: ...

    async def api_tokens(self, user: str) -> list[ApiToken]:
        """Newest first."""
        ...

    async def api_token(self, token_sha256: str) -> tuple[ApiToken, User | None] | None:
        """With its user, unless it is of who runs the platform; whether or not it has expired."""
        ...

    async def used_api_token(self, token: str, at: float) -> None: ...

    async def remove_api_token(self, user: str, token: str) -> bool:
        """False when the user has no token of this id."""
        ...

    async def add_join_token(self, token: JoinToken) -> None: ...

    async def join_token(self, token_sha256: str) -> JoinToken | None:
        """Whether or not it has expired."""
        ...

    async def owner_of(self, job: str) -> str | None:
        """None when there is no such job."""
        ...
