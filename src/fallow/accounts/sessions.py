"""Sessions: who may log in, and how long a browser stays logged in."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fallow import log
from fallow.accounts import passwords
from fallow.accounts.limits import Limit, Tries, neighbourhood
from fallow.accounts.passwords import Smithy
from fallow.accounts.tokens import NOTED_EVERY, digest
from fallow.accounts.users import canonical
from fallow.errors import Forbidden
from fallow.people import People, Session, User

PER_NAME = Limit(tries=10, pause=30.0)
PER_ADDRESS = Limit(tries=30, pause=10.0)


@dataclass(frozen=True)
class Lasting:
    """How long a session lasts."""

    idle: float = 43_200.0  # seconds that it is not used
    most: float = 1_209_600.0  # seconds in all


class Sessions:
    """Logging in, and being logged in."""

    def __init__(self, ledger: People, smithy: Smithy, lasting: Lasting, now: Callable[[], float]) -> None:
        self._ledger, self._smithy, self._lasting, self._now = ledger, smithy, lasting, now
        self._by_name, self._by_address = Tries(PER_NAME, now), Tries(PER_ADDRESS, now)

    @property
    def most(self) -> int:
        """Seconds that one lasts."""
        return math.ceil(self._lasting.most)

    async def log_in(self, name: str, password: str, address: str) -> tuple[str, User]:
        """A new session's token, and whose it is. Raises Forbidden, TooOften."""
        user = await self.proven(name, password, address)
        if user is None:
            log.event("user.refused", address=address)  # no name: a password may have got there
            raise Forbidden("The name or the password is wrong.")
        return await self.begin(user), user

    async def proven(self, name: str, password: str, address: str) -> User | None:
        """The user of this name, if the password is right. Raises TooOften.

        For a name that there is not it takes as long, and what is told is the same: nobody learns who has one."""
        name, near = canonical(name)[:128], neighbourhood(address)
        self._by_address.spend(near)
        self._by_name.spend(name)
        user = await self._ledger.user(name)
        known = user.password if user else ""
        if not await self._smithy.work(passwords.is_right, password[: passwords.LONGEST + 1], known):
            return None
        self._by_address.give_back(near)
        self._by_name.give_back(name)
        return user

    async def begin(self, user: User) -> str:
        """A new session's token."""
        now, token = self._now(), secrets.token_urlsafe(32)
        await self._ledger.forget_expired(now, now - self._lasting.idle)
        await self._ledger.begin_session(Session(digest(token), user.name, now, now, now + self._lasting.most))
        log.event("user.logged_in", user=user.name)
        return token

    async def find(self, token: str) -> tuple[Session, User] | None:
        """The session of a token, unless it is over."""
        found, now = await self._ledger.session(digest(token)), self._now()
        if found is None or found[0].expires <= now or found[0].seen + self._lasting.idle <= now:
            return None
        return found

    async def use(self, session: Session) -> None:
        """It is not idle."""
        if session.seen + NOTED_EVERY <= self._now():
            await self._ledger.saw_session(session.token_sha256, self._now())

    async def end(self, token: str) -> None:
        await self._ledger.end_session(digest(token))
