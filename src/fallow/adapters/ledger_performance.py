"""What the ledger counts: what was delivered when, by whom, with what effort, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Label, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database
from fallow.adapters.ledger_tables import attempts, jobs, renditions, workers
from fallow.fleet import Burning, Failures, Labour, Making, Ordered, Output, Period
from fallow.model import JobKind, Source, TaskKind
from fallow.records import Outcome

_MADE = (TaskKind.VIDEO, TaskKind.AUDIO, TaskKind.TEXT)
_KINDS = ("system", "arch", "cores", "device_class")
AT_ONCE = 500  # jobs in one statement
_BAD = [Outcome.FAILED.value, Outcome.EXPIRED.value]


class Whole(FunctionElement[int]):
    """A number from 0 on without its fraction. MariaDB's CAST rounds, and not every SQLite has FLOOR."""

    type = Integer()
    inherit_cache = True


@compiles(Whole)
def _cast(element: Whole, compiler: Any, **how: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **how)} AS INTEGER)"


@compiles(Whole, "mysql", "mariadb")
def _floor(element: Whole, compiler: Any, **how: Any) -> str:
    return f"FLOOR({compiler.process(element.clauses, **how)})"


class Performance:
    """The part of the ledger that counts. Of the wide rows of tasks nothing is asked: their ids tell enough."""

    _database: Database

    async def outputs(self, period: Period, step: float) -> list[Output]:
        place = Whole((attempts.c.ended - period.since) / step).label("place")
        query = select(place, _LINE, *_sums(attempts.c.frames, attempts.c.bytes_out)).where(*_delivered(period))
        return [
            Output(
                at=period.since + int(row["place"]) * step,
                job=line.job,
                rendition=line.rendition,
                frames=int(row["frames"]) if line.kind is TaskKind.VIDEO else 0,
                bytes_out=int(row["bytes_out"]),
            )
            for row in await self._database.rows(query.group_by(place, _LINE).order_by(place))
            if (line := _line(row)).kind in _MADE and JobKind.of(line.job) is JobKind.ENCODE
        ]

    async def labours(self, period: Period) -> list[Labour]:
        kinds = select(workers.c.id, *(_told(name).label(name) for name in _KINDS)).subquery()
        kind = [kinds.c[name] for name in _KINDS]
        sums = _sums(attempts.c.frames, attempts.c.wall_seconds, attempts.c.cpu_seconds)
        query = select(_LINE, *kind, *sums).outerjoin(kinds, kinds.c.id == attempts.c.worker)
        query = query.where(*_delivered(period)).group_by(_LINE, *kind)
        return [
            Labour(
                machine={name: _plain(row[name]) for name in _KINDS if row[name] is not None},
                job=line.job,
                rendition=line.rendition,
                frames=int(row["frames"]),
                wall_seconds=float(row["wall_seconds"]),
                cpu_seconds=float(row["cpu_seconds"]),
            )
            for row in await self._database.rows(query)
            if (line := _line(row)).kind is TaskKind.VIDEO and JobKind.of(line.job) is JobKind.ENCODE
        ]

    async def burnings(self, period: Period) -> list[Burning]:
        whose = (attempts.c.worker, attempts.c.meter)
        query = select(*whose, _LINE, *_sums(attempts.c.frames, attempts.c.joules)).where(*_delivered(period))
        return [
            Burning(
                worker=row["worker"],
                job=line.job,
                rendition=line.rendition,
                meter=row["meter"],
                frames=int(row["frames"]),
                joules=float(row["joules"]),
            )
            for row in await self._database.rows(query.group_by(*whose, _LINE))
            if (line := _line(row)).kind is TaskKind.VIDEO
        ]

    async def hands(self, period: Period) -> list[str]:
        query = select(attempts.c.worker).where(*_delivered(period)).distinct()
        return [row["worker"] for row in await self._database.rows(query)]

    async def makings(self, limit: int) -> list[Making]:
        ended = attempts.c.ended.is_not(None)
        last = select(attempts).where(ended).order_by(attempts.c.ended.desc()).limit(limit).subquery()
        lines = _line_of(last.c.task)
        query = select(last.c.worker, lines, *_sums(last.c.frames, last.c.wall_seconds, last.c.bytes_out))
        query = query.where(last.c.outcome == Outcome.DELIVERED.value).group_by(last.c.worker, lines)
        return [
            Making(
                worker=row["worker"],
                job=line.job,
                rendition=line.rendition,
                frames=int(row["frames"]),
                wall_seconds=float(row["wall_seconds"]),
                bytes_out=int(row["bytes_out"]),
            )
            for row in await self._database.rows(query)
            if (line := _line(row)).kind is TaskKind.VIDEO and JobKind.of(line.job) is JobKind.ENCODE
        ]

    async def ordered(self, wanted: Collection[str]) -> list[Ordered]:
        what = (renditions.c.job, renditions.c.name, renditions.c.profile, jobs.c.source)
        query = select(*what).join(jobs, jobs.c.id == renditions.c.job)
        ids, found = list(wanted), list[rows.Row]()
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            found += await self._database.rows(query.where(renditions.c.job.in_(some)))
        return [_ordered(row) for row in found]

    async def failures_by_words(self, period: Period) -> list[Failures]:
        key = (attempts.c.outcome, attempts.c.error)
        query = select(*key, func.count().label("count")).where(*_within(period), attempts.c.outcome.in_(_BAD))
        found = await self._database.rows(query.group_by(*key))
        return [Failures(Outcome(row["outcome"]), row["error"], int(row["count"])) for row in found]


class _Line(NamedTuple):
    """What an id of a task tells, but for its number."""

    job: str
    kind: TaskKind
    rendition: str


def _line_of(task: ColumnElement[str]) -> Label[str]:
    """The beginning of a task's id, to its number, that has five digits or more (ledger_rows.task_id)."""
    return func.substr(task, 1, func.length(task) - 5).label("line")


_LINE = _line_of(attempts.c.task)


def _line(row: rows.Row) -> _Line:
    job, kind, rest = row["line"].split(".", 2)
    return _Line(job, TaskKind(kind), rest.rpartition(".")[0])


def _told(name: str) -> ColumnElement[Any]:
    """What a machine's agent has told of it."""
    return func.json_extract(workers.c.machine, f"$.{name}")


def _plain(value: object) -> object:
    """MariaDB answers with JSON, SQLite with what it stands for."""
    text = str(value).strip('"')
    return int(text) if text.isdecimal() else text


def _ordered(row: rows.Row) -> Ordered:
    source = rows.loads(Source, row["source"])
    return Ordered(row["job"], row["name"], json.loads(row["profile"]), source.video if source else None)


def _sums(*columns: ColumnElement[Any]) -> list[Label[Any]]:
    return [func.sum(column).label(column.name) for column in columns]


def _delivered(period: Period) -> tuple[ColumnElement[bool], ...]:
    return (*_within(period), attempts.c.outcome == Outcome.DELIVERED.value)


def _within(period: Period) -> tuple[ColumnElement[bool], ...]:
    return attempts.c.ended >= period.since, attempts.c.ended < period.until
