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
from typing import Any, Generic, TypeVar

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
from fallow.adapters import ledger_script, ledger_sqlite
from fallow.adapters.ledger_flavour import Flavour
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_script import Answer, Missed, Script, Statement
from fallow.adapters.ledger_sessions import Sessions
from fallow.adapters.ledger_tables import marks
from fallow.adapters.timing import method_of
from fallow.errors import BadSetting, Conflict, Unavailable

R = TypeVar("R")
Values = Mapping[str, Any]
Work = Callable[[Connection], R]
Decision = Callable[[Connection, list[Answer]], tuple[R, Script]]
"""What a transaction comes to, and what is still to be sent for that."""
RACES = 5  # how often a transaction that lost a race is begun again
MARK_SECONDS = 600.0  # that a mark is kept: longer than any transaction is tried
MARKS_BETWEEN = 2000  # transactions between two removals of old marks
BEGIN: tuple[Statement, Values] = (Statement("BEGIN"), {})
COMMIT: tuple[Statement, Values] = (Statement("COMMIT"), {})
ROLLBACK: tuple[Statement, Values] = (Statement("ROLLBACK"), {})
MARK = Statement("INSERT INTO marks (mark, made) VALUES (:mark, :made)")


class Database:
    """One engine; threads that write, and some that read."""

    def __init__(self, flavour: Flavour, patience: Patience) -> None:
        self._flavour = flavour
        self._engine = flavour.engine
        self._sessions = Sessions(flavour.engine, flavour.seconds, flavour.broken)
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

    async def write(self, work: Work[R]) -> R:
        """Run one transaction, once and no more. It is carried through even when who waits for it is cancelled."""
        return await self.exchange(method_of(work), [], lambda db, _: (work(db), [COMMIT]))

    async def write_again(self, work: Work[R]) -> R:
        """Run one transaction that does no more when it is done twice."""

        def whole(db: Connection) -> R:
            ledger_script.run(db, [BEGIN])
            done = work(db)
            ledger_script.run(db, [COMMIT])
            return done

        return await self._timed(method_of(work), self._writers, self._carry_out, whole)

    async def send(self, operation: str, script: Script) -> list[Answer]:
        """What is a transaction, or one statement, and does no more when it is done twice."""
        return await self._timed(
            operation, self._writers, self._carry_out, lambda db: ledger_script.run(db, script)
        )

    async def exchange(self, operation: str, opening: Script, decide: Decision[R]) -> R:
        """Run one transaction, once and no more, of two exchanges: the answers to one decide on the other."""
        once = _Once[R](opening, decide) if self._flavour.marks else _Plain(opening, decide)
        done: R = await self._timed(operation, self._writers, self._carry_out, once)
        self._marked += 1
        if self._flavour.marks and self._marked % MARKS_BETWEEN == 0:
            await self.write_again(remove_old_marks)
        return done

    async def ask(self, script: Script) -> list[Answer]:
        """Read, in one exchange."""
        return await self.read(lambda db: ledger_script.run(db, script))

    async def read(self, query: Callable[[Connection], R]) -> R:
        return await self._timed("read", self._readers, self._carry_out, query)

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

    def _carry_out(self, work: Work[R]) -> R:
        return self._patiently(lambda: self._raced(work))

    def _raced(self, work: Work[R]) -> R:
        for turn in range(RACES):
            try:
                return self._sessions.run(work)
            except IntegrityError as error:
                if self._flavour.orphan(error):
                    raise Conflict("What this belongs to is gone from the ledger.") from error
                # Somebody else inserted the row in between; begun again, the transaction finds it.
                if turn == RACES - 1:
                    raise Conflict("Something else of this name is in the ledger already.") from error
            except Missed as error:
                if turn == RACES - 1:
                    raise Conflict("This is changed again and again by others; try again.") from error
        raise AssertionError("unreachable")

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
        self._sessions.close()


class _Plain(Generic[R]):
    """A transaction of which it is always known whether it was committed."""

    def __init__(self, opening: Script, decide: Decision[R]) -> None:
        self._opening = [BEGIN, *opening]
        self._decide = decide

    def __call__(self, db: Connection) -> R:
        _, *answers = ledger_script.run(db, self._opening)
        result, closing = self._decide(db, answers)
        ledger_script.run(db, closing)
        return result


class _Once(Generic[R]):
    """A transaction that leaves a mark: after a connection died in its commit, that tells whether it was done.

    The mark is also what two commits of the same transaction collide at, whichever nodes they reach.
    """

    def __init__(self, opening: Script, decide: Decision[R]) -> None:
        mark = {"mark": uuid.uuid4().hex, "made": time.time()}
        self._opening = [BEGIN, (MARK, mark), *opening]
        self._decide = decide
        self._result: tuple[R, ...] = ()

    def __call__(self, db: Connection) -> R:
        try:
            _, _, *answers = ledger_script.run(db, self._opening)
        except IntegrityError:
            if not self._result:
                raise
            ledger_script.run(db, [ROLLBACK])
            return self._result[0]  # it was committed by an earlier try
        result, closing = self._decide(db, answers)
        self._result = (result,)
        try:
            ledger_script.run(db, closing)
        except Missed:
            self._result = ()
            raise
        return result


def remove_old_marks(db: Connection) -> None:
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
        # Not what it is: a password may be anywhere in what makes no sense.
        raise BadSetting("The ledger's URL makes no sense; use sqlite:///PATH or mysql://…") from error
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


def change(db: Connection, table: Table, values: Values, *where: ColumnElement[bool]) -> bool:
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
