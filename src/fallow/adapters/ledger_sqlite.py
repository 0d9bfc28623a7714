"""The embedded ledger: one SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError

from fallow.adapters.ledger_flavour import Flavour
from fallow.adapters.ledger_steps import step
from fallow.adapters.ledger_tables import SCHEMA, check_schema, metadata, schema
from fallow.errors import BadSetting, StorageFull

READERS = 2
ROOM = 1 << 20  # bytes


def flavour(url: URL) -> Flavour:
    return Flavour(
        place=str(url.database),
        engine=engine(url),
        # The embedded database takes one writer at a time: with one thread it never has to say that it is locked.
        writers=1,
        readers=READERS,
        seconds=float("inf"),
        prepare=_prepare,
        settle=_reserve,
        passes=lambda error: "locked" in str(error.orig),  # by another process, which migrates it
        broken=lambda _: False,
        told=lambda error: _told(error, str(url.database)),
        made=lambda error: "already exists" in str(error.orig) or "duplicate column" in str(error.orig),
        orphan=lambda error: "FOREIGN KEY" in str(error.orig),
        marks=False,
    )


def engine(url: URL) -> Engine:
    made = create_engine(url, pool_size=1 + READERS, connect_args={"check_same_thread": False})
    event.listen(made, "connect", _set_up)
    return made


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
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
        return
    # Whoever has the embedded ledger has nobody who would migrate it, nor the packages for it.
    while 0 < version < SCHEMA:
        version += 1
        step(db, version)
    check_schema(version)


def _told(error: DBAPIError, place: str) -> Exception:
    reason = str(error.orig)
    if "not a database" in reason or "malformed" in reason:
        return BadSetting(f"The ledger {place} is damaged, or no ledger; move it away to begin anew.")
    if isinstance(error, OperationalError) and "disk is full" in reason:
        return StorageFull(f"No space is left for the ledger {place}; free some.")
    if isinstance(error, OperationalError) and "unable to open" in reason:
        return BadSetting(f"The ledger {place} cannot be opened; is its folder there?")
    return error
