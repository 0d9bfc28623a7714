"""The ledger's database: how it is opened, and how a transaction is run in it, beside the event loop.

Each transaction is one plain function that runs in a thread from its begin to its commit: one hop, where an
asynchronous driver makes one for every statement. Measured: less than half the processor time, and a quicker start.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    delete,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from fallow import log
from fallow.adapters import ledger_sqlite
from fallow.adapters.ledger_flavour import Flavour
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_tables import marks
from fallow.adapters.timing import method_of
from fallow.errors import BadSetting, Conflict, Unavailable

R = TypeVar("R")
Work = Callable[[Connection], R]
RACES = 5  # how often a transaction that lost a race is begun again
MARK_SECONDS = 600.0  # that a mark is kept: longer than any transaction is tried
MARKS_BETWEEN = 2000  # transactions between two removals of old marks


class Database:
    """One engine; threads that write, and some that read."""

    def __init__(self, flavour: Flavour, patience: Patience) -> None:
        self._flavour = flavour
        self._engine = flavour.engine
        self._patience = patience
        self._writers = ThreadPoolExecutor(flavour.writers, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(flavour.readers, thread_name_prefix="ledger-reader")
        self._marked = 0

    @classmethod
    async def open(cls, place: str | Path, patience: Patience | None = None) -> Database:
        """Connect to a URL or an SQLite file, and create the tables of a new SQLite ledger."""
        database = cls(flavour(place), patience or Patience())
        try:
            await database.write_again(database._flavour.prepare)
            settle = database._flavour.settle
            await asyncio.get_running_loop().run_in_executor(database._writers, settle, database._engine)
        except BaseException:
            await database.close()
            raise
        return database

    async def write(self, work: Callable[[Connection], R]) -> R:
        """Run one transaction, once and no more. It is carried through even when who waits for it is cancelled."""
        once = _Once(work) if self._flavour.marks else work
        return await self._timed(method_of(work), self._writers, self._write, once)

    async def write_again(self, work: Callable[[Connection], R]) -> R:
        """Run one transaction that does no more when it is done twice."""
        return await self._timed(method_of(work), self._writers, self._write, work)

    async def read(self, query: Callable[[Connection], R]) -> R:
        return await self._timed("read", self._readers, self._read, query)

    async def rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        return await self.read(lambda db: fetch(db, query))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    async def _timed(self, operation: str, threads: Executor, run: Callable[[Work[R]], R], work: Work[R]) -> R:
        """In a thread; how long that takes is told, with the wait for the thread."""
        begun = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run, work)
        finally:
            log.measure("ledger.asked", operation=operation, seconds=time.perf_counter() - begun)

    def _write(self, work: Callable[[Connection], R]) -> R:
        done = self._patiently(lambda: self._transaction(work))
        if isinstance(work, _Once):
            self._marked += 1
            if self._marked % MARKS_BETWEEN == 0:
                self._patiently(lambda: self._transaction(_remove_old_marks))
        return done

    def _transaction(self, work: Callable[[Connection], R]) -> R:
        for turn in range(RACES):
            try:
                with self._engine.begin() as db:
                    return work(db)
            except _DoneBefore as known:
                return known.result  # type: ignore[no-any-return]
            except IntegrityError as error:
                if self._flavour.orphan(error):
                    raise Conflict("What this belongs to is gone from the ledger.") from error
                # Somebody else inserted the row in between; begun again, the transaction finds it.
                if turn == RACES - 1:
                    raise Conflict("Something else of this name is in the ledger already.") from error
        raise AssertionError("unreachable")

    def _read(self, query: Callable[[Connection], R]) -> R:
        def once() -> R:
            with self._engine.connect() as db:
                return query(db)

        return self._patiently(once)

    def _patiently(self, whole: Callable[[], R]) -> R:
        """The only place where transactions are repeated because the database could not carry them out."""
        pauses = self._patience.pauses()
        while True:
            try:
                return whole()
            except DBAPIError as error:
                if not self._flavour.passes(error):
                    raise self._flavour.told(error) from error
                if (pause := next(pauses, None)) is None:
                    place, reason = self._flavour.place, error.orig
                    told = f"The ledger {place} does not carry out what it is asked to ({reason}); is it up?"
                    raise Unavailable(told) from error
                log.measure("ledger.again")
                time.sleep(pause)

    def _close(self) -> None:
        for threads in (self._readers, self._writers):
            threads.shutdown()
        self._engine.dispose()


class _DoneBefore(Exception):
    """The transaction was committed by an earlier try."""

    def __init__(self, result: Any) -> None:
        self.result = result


class _Once:
    """A transaction that leaves a mark: after a connection died in its commit, that tells whether it was done.

    The mark is also what two commits of the same transaction collide at, whichever nodes they reach.
    """

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self._work = work
        self._mark = uuid.uuid4().hex
        self._result: tuple[Any, ...] = ()

    def __call__(self, db: Connection) -> Any:
        try:
            db.execute(insert(marks).values(mark=self._mark, made=time.time()))
        except IntegrityError:
            raise _DoneBefore(*self._result) from None
        result = self._work(db)
        self._result = (result,)
        return result


def _remove_old_marks(db: Connection) -> None:
    old = delete(marks).where(marks.c.made < time.time() - MARK_SECONDS)
    db.execute(old.with_dialect_options(mysql_limit=10 * MARKS_BETWEEN))


def flavour(place: str | Path) -> Flavour:
    """By the URL's scheme. Raises BadSetting."""
    # A path may hold any character, so it is not written as a URL only to be read as one.
    if isinstance(place, Path):
        return ledger_sqlite.flavour(URL.create("sqlite", database=str(place)))
    if place.partition("://")[0] in ("mysql", "mariadb"):
        return _mysql(place)
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise BadSetting(f"{place!r} is no URL of a ledger; use sqlite:///PATH or mysql://…") from error
    if url.drivername != "sqlite" or not url.database:
        raise BadSetting(f"This is no ledger that Fallow knows: {url!r}; use sqlite:///PATH or mysql://…")
    return ledger_sqlite.flavour(url)


def _mysql(url: str) -> Flavour:
    if importlib.util.find_spec("pymysql") is None:
        raise BadSetting("A ledger in MariaDB needs more packages: pip install 'fallow[cluster]'.")
    from fallow.adapters import ledger_mysql

    return ledger_mysql.flavour(url)


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
