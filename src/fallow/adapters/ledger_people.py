"""What the ledger knows of those who use it: users, their sessions and tokens, whose a job is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, Table, and_, delete, insert, select, update

from fallow.adapters.ledger_database import Database, add, change, fetch
from fallow.adapters.ledger_rows import Row
from fallow.adapters.ledger_tables import api_tokens, jobs, join_tokens, saved_profiles, sessions, users, webhooks
from fallow.errors import Conflict, NotFound
from fallow.model import JobState
from fallow.people import ApiToken, JoinToken, Role, Session, User

_OF_USERS = {column.name: column.label(f"user_{column.name}") for column in users.c}
_ENDED = [state.value for state in JobState if state.ended]
_LAST = "{} is the last admin; make somebody else one first."


class PeopleRows:
    """The part of the ledger that is about people."""

    _database: Database

    async def add_user(self, user: User) -> bool:
        return await self._database.write(lambda db: add(db, users, [_row(user)]) > 0)

    async def add_first_admin(self, user: User) -> bool:
        def work(db: Connection) -> bool:
            return not _admins(db) and add(db, users, [_row(user)]) > 0

        return await self._database.write(work)

    async def user(self, name: str) -> User | None:
        found = await self._database.rows(select(users).where(users.c.name == name))
        return _user(found[0]) if found else None

    async def users(self) -> list[User]:
        return [_user(row) for row in await self._database.rows(select(users).order_by(users.c.name))]

    async def has_admin(self) -> bool:
        return bool(await self._database.read(_admins))

    async def set_role(self, name: str, role: Role) -> None:
        def work(db: Connection) -> None:
            _check_there(db, name)
            if role is not Role.ADMIN and _admins(db) == {name}:
                raise Conflict(_LAST.format(name))
            change(db, users, {"role": role.value}, users.c.name == name)

        await self._database.write(work)

    async def set_password(self, name: str, password: str, but: str = "") -> None:
        def work(db: Connection) -> None:
            _check_there(db, name)
            change(db, users, {"password": password}, users.c.name == name)
            db.execute(delete(sessions).where(sessions.c.user == name, sessions.c.token_sha256 != but))

        await self._database.write(work)

    async def remove_user(self, name: str) -> None:
        def work(db: Connection) -> None:
            _check_there(db, name)
            if _admins(db) == {name}:
                raise Conflict(_LAST.format(name))
            mine = (jobs.c.owner == name, jobs.c.state.not_in(_ENDED))
            if fetch(db, select(jobs.c.id).where(*mine).limit(1)):
                raise Conflict(f"{name} has unfinished jobs; cancel them first, or wait for their end.")
            db.execute(update(jobs).where(jobs.c.owner == name).values(owner=""))
            theirs = (saved_profiles.c.owner, webhooks.c.owner, api_tokens.c.user, sessions.c.user, users.c.name)
            for column in theirs:
                db.execute(delete(column.table).where(column == name))

        await self._database.write(work)

    async def begin_session(self, session: Session) -> None:
        await self._insert(sessions, session)

    async def session(self, token_sha256: str) -> tuple[Session, User] | None:
        query = select(sessions, *_OF_USERS.values()).join(users, users.c.name == sessions.c.user)
        found = await self._database.rows(query.where(sessions.c.token_sha256 == token_sha256))
        return (Session(**_own(found[0], sessions)), _user_beside(found[0])) if found else None

    async def saw_session(self, token_sha256: str, at: float) -> None:
        mine = sessions.c.token_sha256 == token_sha256
        await self._database.write(lambda db: change(db, sessions, {"seen": at}, mine, sessions.c.seen < at))

    async def end_session(self, token_sha256: str) -> None:
        ended = delete(sessions).where(sessions.c.token_sha256 == token_sha256)
        await self._database.write(lambda db: db.execute(ended) and None)

    async def forget_expired(self, now: float, idle_since: float) -> None:
        def work(db: Connection) -> None:
            db.execute(delete(sessions).where((sessions.c.expires <= now) | (sessions.c.seen <= idle_since)))
            db.execute(delete(join_tokens).where(join_tokens.c.expires <= now))

        await self._database.write(work)

    async def add_api_token(self, token: ApiToken) -> None:
        await self._insert(api_tokens, token)

    async def api_tokens(self, user: str) -> list[ApiToken]:
        query = select(api_tokens).where(api_tokens.c.user == user)
        newest = query.order_by(api_tokens.c.created.desc(), api_tokens.c.id)
        return [_api_token(row) for row in await self._database.rows(newest)]

    async def api_token(self, token_sha256: str) -> tuple[ApiToken, User | None] | None:
        query: Select[Any] = select(api_tokens, *_OF_USERS.values())
        query = query.outerjoin(users, and_(users.c.name == api_tokens.c.user, api_tokens.c.user != ""))
        found = await self._database.rows(query.where(api_tokens.c.token_sha256 == token_sha256))
        if not found:
            return None
        beside = _user_beside(found[0]) if found[0]["user_name"] is not None else None
        return _api_token(_own(found[0], api_tokens)), beside

    async def used_api_token(self, token: str, at: float) -> None:
        mine = api_tokens.c.id == token
        await self._database.write(lambda db: change(db, api_tokens, {"used": at}, mine))

    async def remove_api_token(self, user: str, token: str) -> bool:
        mine = delete(api_tokens).where(api_tokens.c.user == user, api_tokens.c.id == token)
        return await self._database.write(lambda db: db.execute(mine).rowcount > 0)

    async def add_join_token(self, token: JoinToken) -> None:
        await self._insert(join_tokens, token)

    async def join_token(self, token_sha256: str) -> JoinToken | None:
        found = await self._database.rows(select(join_tokens).where(join_tokens.c.token_sha256 == token_sha256))
        return JoinToken(**found[0]) if found else None

    async def owner_of(self, job: str) -> str | None:
        found = await self._database.rows(select(jobs.c.owner).where(jobs.c.id == job))
        return str(found[0]["owner"]) if found else None

    async def _insert(self, table: Table, made: Any) -> None:
        await self._database.write(lambda db: db.execute(insert(table), [_row(made)]) and None)


def _admins(db: Connection) -> set[str]:
    """Locked, so that of two who are to be the last but one, one is."""
    found = select(users.c.name).where(users.c.role == Role.ADMIN.value).with_for_update()
    return {row["name"] for row in fetch(db, found)}


def _check_there(db: Connection, name: str) -> None:
    if not fetch(db, select(users.c.name).where(users.c.name == name).with_for_update()):
        raise NotFound(f"There is no user {name[:50]}.")


def _row(made: Any) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Role) else value for name, value in vars(made).items()}


def _own(row: Row, table: Table) -> dict[str, Any]:
    return {name: row[name] for name in table.c.keys()}  # noqa: SIM118 - columns are no dictionary


def _user_beside(row: Row) -> User:
    return _user({name: row[f"user_{name}"] for name in _OF_USERS})


def _user(row: Row) -> User:
    return User(**{**row, "role": Role(row["role"])})


def _api_token(row: Row) -> ApiToken:
    return ApiToken(**{**row, "role": Role(row["role"])})
