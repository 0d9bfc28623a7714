"""Connections of the ledger that stay: one for each thread, so that none is looked for, tested or set up each time.

Statements count at once (autocommit) unless BEGIN is among them: who only reads needs neither BEGIN nor ROLLBACK.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

R = TypeVar("R")


class Sessions:
    """The connection of each thread, made anew when it broke or is old."""

    def __init__(self, engine: Engine, seconds: float, broken: Callable[[DBAPIError], bool]) -> None:
        self._engine = engine
        self._seconds = seconds  # that one is used
        self._broken = broken
        self._mine = threading.local()
        self._all: set[Connection] = set()
        self._lock = threading.Lock()

    def run(self, work: Callable[[Connection], R]) -> R:
        """Nothing that the work has begun and not committed is left when it raises."""
        db = self._session()
        try:
            return work(db)
        except BaseException as error:
            self._undo(db, isinstance(error, DBAPIError) and self._broken(error))
            raise

    def close(self) -> None:
        """When all threads have ended."""
        for db in list(self._all):
            self._drop(db)
        self._engine.dispose()

    def _session(self) -> Connection:
        db: Connection | None = getattr(self._mine, "db", None)
        if db is not None and time.monotonic() < self._mine.until:
            return db
        if db is not None:
            self._drop(db)
        self._mine.db = None
        db = self._engine.connect()
        self._mine.db, self._mine.until = db, time.monotonic() + self._seconds
        with self._lock:
            self._all.add(db)
        return db

    def _undo(self, db: Connection, broken: bool) -> None:
        try:
            if not broken:
                db.connection.rollback()
                db.rollback()  # SQLAlchemy knows nothing of the above, and may think itself within something, too
                return
        except Exception:  # noqa: S110 - then it is broken, too
            pass
        self._mine.db = None
        self._drop(db)

    def _drop(self, db: Connection) -> None:
        with self._lock:
            self._all.discard(db)
        with contextlib.suppress(Exception):  # there may be nobody to say goodbye to
            db.invalidate()
        with contextlib.suppress(Exception):
            db.close()
