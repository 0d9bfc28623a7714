"""Users: what they may be called, how the first admin is made, how passwords change."""

from __future__ import annotations

import hmac
import re
import unicodedata

from fallow import log
from fallow.accounts import passwords
from fallow.accounts.passwords import Smithy
from fallow.accounts.tokens import digest
from fallow.errors import BadSetting, Conflict, Forbidden, NotFound
from fallow.people import People, Role, User

_NAME = re.compile(r"\w[\w.@+-]{0,63}")


def canonical(name: str) -> str:
    """A name as it is kept: the same however it was typed."""
    return unicodedata.normalize("NFKC", name).strip().lower()


class Users:
    """Users of one platform."""

    def __init__(self, ledger: People, smithy: Smithy) -> None:
        self._ledger, self._smithy = ledger, smithy

    async def add(self, name: str, password: str, role: Role, now: float) -> User:
        """Raises BadSetting, Conflict."""
        user = await self._made(name, password, role, now)
        if not await self._ledger.add_user(user):
            raise Conflict(f"There is a user {user.name} already; take another name.")
        log.event("user.added", user=user.name, role=role.value)
        return user

    async def add_first(self, name: str, password: str, now: float) -> User:
        """The first admin. Raises BadSetting, Conflict."""
        user = await self._made(name, password, Role.ADMIN, now)
        if not await self._ledger.add_first_admin(user):
            raise Conflict("There is an admin already; log in, or run `fallow user add`.")
        log.event("user.added", user=user.name, role=user.role.value)
        return user

    async def change_password(self, name: str, new: str, but: str = "") -> None:
        """All sessions end, but the one of this digest. Raises BadSetting, NotFound."""
        passwords.check(new, name)
        await self._ledger.set_password(name, await self._smithy.work(passwords.hashed, new), but)
        log.event("user.password_changed", user=name)

    async def find(self, name: str) -> User:
        """Raises NotFound."""
        user = await self._ledger.user(name)
        if user is None:
            raise NotFound(f"There is no user {name[:50]}.")
        return user

    async def _made(self, name: str, password: str, role: Role, now: float) -> User:
        name = canonical(name)
        if not _NAME.fullmatch(name):
            raise BadSetting(
                "A user's name begins with a letter or a digit, and has at most 64 letters, digits and . _ - @ +"
            )
        passwords.check(password, name)
        return User(name, role, await self._smithy.work(passwords.hashed, password), now)


class Setup:
    """The right to make the first admin, for who has the token that was shown once."""

    def __init__(self, token: str = "") -> None:
        self._digest = digest(token) if token else ""

    def check(self, token: str) -> None:
        """Raises Forbidden."""
        if not self._digest or not hmac.compare_digest(digest(token), self._digest):
            raise Forbidden(
                "This link is not good any more; restart Fallow for a new one, or run `fallow user add`."
            )
