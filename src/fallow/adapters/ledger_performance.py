"""What the ledger counts: what was delivered when, by whom, with what effort, and what went wrong."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Integer, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database
from fallow.adapters.ledger_tables import attempts, jobs, renditions, tasks
from fallow.fleet import Failures, Labour, Ordered, Output, Period
from fallow.model import TaskKind
from fallow.records import Outcome

_MADE = [TaskKind.VIDEO.value, TaskKind.AUDIO.value, TaskKind.TEXT.value]
_BAD = [Outcome.FAILED.value, Outcome.EXPIRED.value]
_DELIVERED = attempts.c.outcome == Outcome.DELIVERED.value
_OF_TASK = tasks.c.id == attempts.c.task


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
    """The part of the ledger that counts."""

    _database: Database

    async def outputs(self, period: Period, step: float) -> list[Output]:
        place = Whole((attempts.c.ended - period.since) / step).label("place")
        key = (attempts.c.job, tasks.c.rendition)
        sums = [func.sum(column).label(column.name) for column in (attempts.c.frames, attempts.c.bytes_out)]
        query = select(place, *key, *sums).join(tasks, _OF_TASK)
        query = query.where(*_within(period), _DELIVERED, tasks.c.kind.in_(_MADE)).group_by(place, *key)
        return [
            Output(
                at=period.since + int(row["place"]) * step,
                job=row["job"],
                rendition=row["rendition"],
                frames=int(row["frames"]),
                bytes_out=int(row["bytes_out"]),
            )
            for row in await self._database.rows(query.order_by(place))
        ]

    async def labours(self, period: Period) -> list[Labour]:
        key = (attempts.c.worker, attempts.c.job, tasks.c.rendition)
        summed = (attempts.c.frames, attempts.c.wall_seconds, attempts.c.cpu_seconds, attempts.c.bytes_out)
        sums = [func.sum(column).label(column.name) for column in (*summed, tasks.c.cost)]
        query = select(*key, *sums).join(tasks, _OF_TASK)
        query = query.where(*_within(period), _DELIVERED, tasks.c.kind == TaskKind.VIDEO.value).group_by(*key)
        return [_labour(row) for row in await self._database.rows(query)]

    async def ordered(self, period: Period) -> list[Ordered]:
        rate = func.json_extract(jobs.c.source, "$.video.average_rate").label("rate")
        query = select(renditions.c.job, renditions.c.name.label("rendition"), renditions.c.profile, rate)
        worked_at = select(attempts.c.job).where(*_within(period), _DELIVERED).distinct()
        query = query.join(jobs, jobs.c.id == renditions.c.job).where(renditions.c.job.in_(worked_at))
        return [_ordered(row) for row in await self._database.rows(query)]

    async def failures_by_words(self, period: Period) -> list[Failures]:
        key = (attempts.c.outcome, attempts.c.error)
        query = select(*key, func.count().label("count")).where(*_within(period), attempts.c.outcome.in_(_BAD))
        found = await self._database.rows(query.group_by(*key))
        return [Failures(Outcome(row["outcome"]), row["error"], int(row["count"])) for row in found]


def _labour(row: rows.Row) -> Labour:
    return Labour(
        worker=row["worker"],
        job=row["job"],
        rendition=row["rendition"],
        frames=int(row["frames"]),
        wall_seconds=float(row["wall_seconds"]),
        cpu_seconds=float(row["cpu_seconds"]),
        bytes_out=int(row["bytes_out"]),
        cost=float(row["cost"]),
    )


def _ordered(row: rows.Row) -> Ordered:
    # MariaDB answers with JSON, SQLite with the text that it stands for.
    rate = (row["rate"] or "").strip('"') or None
    return Ordered(row["job"], row["rendition"], json.loads(row["profile"]), rate)


def _within(period: Period) -> tuple[ColumnElement[bool], ...]:
    return attempts.c.ended >= period.since, attempts.c.ended < period.until
