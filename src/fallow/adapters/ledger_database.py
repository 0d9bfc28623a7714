"""The ledger's database: how it is opened, and how a transaction is run in it, beside the event loop.

Each transaction is one plain function that runs in a thread from its begin to its commit: one hop, where an
asynchronous driver makes one for every statement. Measured: less than half the processor time, and a quicker start.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Table,
    create_engine,
    event,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError

from fallow.adapters.ledger_tables import SCHEMA, metadata, schema
from fallow.errors import BadSetting, Conflict, StorageFull

R = TypeVar("R")
RACES = 5  # how often a transaction that lost a race is begun again
READERS = 2
ROOM = 1 << 20  # bytes


class Database:
    """One engine; a thread that writes, and some that read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # The embedded database takes one writer at a time: with one thread it never has to say that it is locked.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")

    @classmethod
    async def open(cls, place: str | Path) -> Database:
        """Connect to a URL or an SQLite file, and create the tables of a new ledger."""
        # A path may hold any character, so it is not written as a URL only to be read as one.
        url = URL.create("sqlite", database=str(place)) if isinstance(place, Path) else _parsed(place)
        database = cls(_engine(url))
        try:
            await database.write(_prepare)
            await asyncio.get_running_loop().run_in_executor(database._writer, _reserve, database._engine)
        except BaseException:
            await database.close()
            raise
        return database

    async def write(self, work: Callable[[Connection], R]) -> R:
        """Run one transaction. It is carried through even when who waits for it is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    async def read(self, query: Callable[[Connection], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    async def rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        return await self.read(lambda db: fetch(db, query))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _write(self, work: Callable[[Connection], R]) -> R:
        for turn in range(RACES):
            try:
                with _told(self._engine), self._engine.begin() as db:
                    return work(db)
            except IntegrityError as error:
                # Somebody else inserted the row in between; begun again, the transaction finds it.
                if turn == RACES - 1:
                    raise Conflict("What this belongs to is gone from the ledger.") from error
        raise AssertionError("unreachable")

    def _read(self, query: Callable[[Connection], R]) -> R:
        with _told(self._engine), self._engine.connect() as db:
            return query(db)

    def _close(self) -> None:
        for threads in (self._readers, self._writer):
            threads.shutdown()
        self._engine.dispose()


def fetch(db: Connection, query: Select[Any]) -> list[RowMapping]:
    return list(db.execute(query).mappings())


def change(db: Connection, table: Table, values: Mapping[str, Any], *where: ColumnElement[bool]) -> bool:
    """A conditional update: whether it hit."""
    return db.execute(update(table).where(*where).values(**values)).rowcount > 0


def add(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose primary keys are not there yet; how many were new."""
    if not rows:
        return 0
    key = list(table.primary_key.columns)
    names = [column.name for column in key]
    wanted = {tuple(row[name] for name in names): row for row in rows}
    found = db.execute(select(*key).where(tuple_(*key).in_(list(wanted))))
    known = {tuple(row) for row in found}
    new = [row for identity, row in wanted.items() if identity not in known]
    if new:
        db.execute(insert(table), new)
    return len(new)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadSetting(f"{url!r} is no URL of a ledger; use sqlite:///PATH.") from error
    if parsed.drivername != "sqlite" or not parsed.database:
        raise BadSetting(f"{url!r} is no ledger that Fallow knows; use sqlite:///PATH.")
    return parsed


def _engine(url: URL) -> Engine:
    engine = create_engine(url, pool_size=1 + READERS, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", lambda db: db.exec_driver_sql("BEGIN"))
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own: SQLAlchemy says when
    cursor = connection.cursor()
    # NORMAL: after a power failure the last commits may be missing, but none is half there; their work is repeated.
    pragmas = ["journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"]
    # The log is written back before it outgrows the room that is kept for it.
    for pragma in [*pragmas, f"wal_autocheckpoint={ROOM // 4096 * 3 // 4}"]:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _reserve(engine: Engine) -> None:
    """Keep some room inside the ledger's own files: that the disk is full must be written down too."""
    raw = engine.raw_connection()
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(raw):  # full already: there is none
        cursor = raw.cursor()
        cursor.execute("CREATE TABLE IF NOT EXISTS reserve (room BLOB)")
        cursor.execute("INSERT INTO reserve VALUES (zeroblob(?))", (ROOM,))
        cursor.execute("PRAGMA wal_checkpoint")  # from the log into the database: both have the room now
        cursor.execute("DELETE FROM reserve")
        cursor.close()


def _prepare(db: Connection) -> None:
    schema.create(db, checkfirst=True)
    version = db.execute(select(schema.c.version)).scalar()
    if version is None:
        metadata.create_all(db)
        db.execute(insert(schema).values(version=SCHEMA))
    elif version != SCHEMA:
        raise BadSetting(
            f"The ledger has schema {version}, but this Fallow works with schema {SCHEMA}; "
            + ("use the newer Fallow that wrote it." if version > SCHEMA else "use the older Fallow that wrote it.")
        )


@contextlib.contextmanager
def _told(engine: Engine) -> Iterator[None]:
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
    except DatabaseError as error:
        if "not a database" in str(error.orig) or "malformed" in str(error.orig):
            place = engine.url.database
            raise BadSetting(f"The ledger {place} is damaged, or no ledger; move it away to begin anew.") from error
        raise
