"""Tokens: what programs get in with, and what devices join with. Each is shown once and kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable

from fallow import log
from fallow.errors import BadSetting, NotFound
from fallow.people import ApiToken, JoinToken, People, Role

NOTED_EVERY = 60.0  # seconds between two notes that a token, or a session, is used
DAY = 86_400.0
LONGEST_DAYS = 3660.0
LONGEST_MINUTES = 10_080.0  # a week
PREFIX = "fallow_"
"""By which people, and programs that look for leaked secrets, know what it is."""


def digest(secret: str) -> str:
    """What is kept of a secret that nobody could guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    """The tokens of one platform."""

    def __init__(self, ledger: People, now: Callable[[], float]) -> None:
        self._ledger, self._now = ledger, now

    async def make(self, user: str, name: str, role: Role, days: float | None) -> tuple[ApiToken, str]:
        """With the token itself, which is told this once. Raises BadSetting."""
        if days is not None and not 0 < days <= LONGEST_DAYS:
            raise BadSetting(f"A token lasts more than 0 and at most {LONGEST_DAYS:g} days; or leave that out.")
        if not (name := name.strip()):
            raise BadSetting("The token needs a name; say what it is for.")
        token, now = PREFIX + secrets.token_urlsafe(32), self._now()
        expires = None if days is None else now + days * DAY
        made = ApiToken(uuid.uuid4().hex[:16], user, name[:128], role, digest(token), now, expires)
        await self._ledger.add_api_token(made)
        log.event("token.made", token=made.id, user=user, role=role.value)
        return made, token

    async def of(self, user: str) -> list[ApiToken]:
        return await self._ledger.api_tokens(user)

    async def find(self, token: str) -> tuple[str, Role] | None:
        """Whose name and which role it stands for; None when it is none, has expired, or its user is gone."""
        found, now = await self._ledger.api_token(digest(token)), self._now()
        if found is None:
            return None
        known, user = found
        if (known.expires is not None and known.expires <= now) or (known.user and user is None):
            return None
        if known.used is None or known.used + NOTED_EVERY <= now:
            await self._ledger.used_api_token(known.id, now)
        return known.user, known.role.within(user.role) if user else known.role

    async def revoke(self, user: str, token: str) -> None:
        """Raises NotFound."""
        if not await self._ledger.remove_api_token(user, token):
            raise NotFound("There is no such token of yours.")
        log.event("token.revoked", token=token, user=user)

    async def make_join(self, user: str, minutes: float) -> tuple[JoinToken, str]:
        """With the token itself. Raises BadSetting."""
        if not 0 < minutes <= LONGEST_MINUTES:
            raise BadSetting(f"A join token lasts more than 0 and at most {LONGEST_MINUTES:g} minutes.")
        token, now = secrets.token_urlsafe(24), self._now()
        made = JoinToken(digest(token), user, now, now + 60 * minutes)
        await self._ledger.add_join_token(made)
        log.event("join_token.made", user=user)
        return made, token


async def may_join(ledger: People, token: str, now: float) -> bool:
    """Whether a device may join with this."""
    found = await ledger.join_token(digest(token)) if token else None
    return found is not None and now < found.expires
