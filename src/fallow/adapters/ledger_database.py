"""The ledger's database: how it is opened, and how a transaction is run in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Select, Table, event, insert, select, tuple_, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from fallow.adapters.ledger_tables import SCHEMA, metadata, schema
from fallow.errors import BadSetting, Conflict, StorageFull

_R = TypeVar("_R")
RACES = 5  # how often a transaction that lost a race is begun again


class Database:
    """One engine; writers take turns."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # The embedded database takes one writer at a time: waiting here keeps it from saying that it is locked.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect, and create the tables of a new ledger."""
        database = cls(_engine(url))
        try:
            await database.write(_prepare)
        except BaseException:
            await database.close()
            raise
        return database

    async def write(self, work: Callable[[AsyncConnection], Awaitable[_R]]) -> _R:
        """Run one transaction; who lost a race to insert a row begins again and finds it."""
        for turn in range(RACES):
            try:
                with _told(self._engine):
                    async with self._writing, self._engine.begin() as db:
                        return await work(db)
            except IntegrityError as error:
                if turn == RACES - 1:
                    raise Conflict("What this belongs to is gone from the ledger.") from error
        raise AssertionError("unreachable")

    async def rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        with _told(self._engine):
            async with self._engine.connect() as db:
                return await fetch(db, query)

    async def close(self) -> None:
        await self._engine.dispose()


async def fetch(db: AsyncConnection, query: Select[Any]) -> list[RowMapping]:
    return list((await db.execute(query)).mappings())


async def change(db: AsyncConnection, table: Table, values: Mapping[str, Any], *where: ColumnElement[bool]) -> bool:
    """A conditional update: whether it hit."""
    return (await db.execute(update(table).where(*where).values(**values))).rowcount > 0


async def add(db: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose primary keys are not there yet; how many were new."""
    if not rows:
        return 0
    key = list(table.primary_key.columns)
    names = [column.name for column in key]
    wanted = {tuple(row[name] for name in names): row for row in rows}
    found = await db.execute(select(*key).where(tuple_(*key).in_(list(wanted))))
    known = {tuple(row) for row in found}
    new = [row for identity, row in wanted.items() if identity not in known]
    if new:
        await db.execute(insert(table), new)
    return len(new)


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = make_url(url)
        if parsed.drivername != "sqlite":
            raise BadSetting(f"{url!r} is no ledger that Fallow knows; use sqlite:///PATH.")
        # Readers do not wait for the writer in WAL mode, so a few connections are worth having.
        engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), pool_size=3, max_overflow=5)
    except ArgumentError as error:
        raise BadSetting(f"{url!r} is no URL of a ledger; use sqlite:///PATH.") from error
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", lambda db: db.exec_driver_sql("BEGIN"))
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own: SQLAlchemy says when
    cursor = connection.cursor()
    # NORMAL: after a power failure the last commits may be missing, but none is half there; their work is repeated.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _prepare(db: AsyncConnection) -> None:
    await db.run_sync(schema.create, checkfirst=True)
    version = (await db.execute(select(schema.c.version))).scalar()
    if version is None:
        await db.run_sync(metadata.create_all)
        await db.execute(insert(schema).values(version=SCHEMA))
    elif version != SCHEMA:
        raise BadSetting(
            f"The ledger has schema {version}, but this Fallow works with schema {SCHEMA}; "
            + ("use the newer Fallow that wrote it." if version > SCHEMA else "use the older Fallow that wrote it.")
        )


@contextmanager
def _told(engine: AsyncEngine) -> Iterator[None]:
    """Errors of the database as sentences."""
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig)
        if "disk is full" in reason:
            raise StorageFull(f"No space is left for the ledger {engine.url.database}; free some.") from error
        if "unable to open" in reason:
            raise BadSetting(f"The ledger {engine.url.database} cannot be opened; is its folder there?") from error
        raise
