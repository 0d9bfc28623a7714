"""What the ledger tells those who show jobs to people; no statement is sent for each job, nor for each task."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, func, not_, or_, select, text

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, fetch
from fallow.adapters.ledger_rows import Row
from fallow.adapters.ledger_tables import attempts, jobs, renditions, tasks, workers
from fallow.errors import NotFound
from fallow.model import MEASURING, JobKind, JobState, TaskKind, TaskState
from fallow.overview import Cell, Cost, Mishap, Moves, Pace, Pulse, Span, Wanted
from fallow.records import Attempt, Job, Outcome, Rendition, Tally, Task

_AT_ONCE = 500  # values in one statement
_UNFINISHED = [state.value for state in JobState if not state.ended]
_FAILED = [Outcome.FAILED.value, Outcome.EXPIRED.value]

_CELL = (
    "tasks.rendition, tasks.number, tasks.state, tasks.error <> '' AS failed, tasks.worker, tasks.done_frames,"
    " tasks.frames"
)
_VIDEO = "tasks.job = :job AND tasks.kind = 'video'"
CELLS = text(f"SELECT {_CELL} FROM tasks WHERE {_VIDEO}")
# One statement, so that all of it is of one moment. COALESCE has SQLite find attempts by their ends: they are few.
MOVES = text(
    f"SELECT {_CELL} FROM tasks WHERE {_VIDEO} AND tasks.state IN ('queued', 'leased', 'dead')"
    f" UNION ALL SELECT {_CELL.replace('tasks.worker', 'attempts.worker')} FROM attempts"
    " JOIN tasks ON tasks.id = attempts.task WHERE attempts.ended >= :since"
    " AND COALESCE(tasks.job, '') = :job AND tasks.kind = 'video'"
    " AND tasks.state NOT IN ('queued', 'leased', 'dead')"
    f" UNION ALL SELECT {_CELL} FROM tasks WHERE {_VIDEO} AND tasks.rendition IN :renditions"
    " AND tasks.number > :last"
    f" UNION ALL SELECT '', COUNT(*), tasks.state, -1, '', 0, 0 FROM tasks WHERE {_VIDEO} GROUP BY tasks.state"
).bindparams(bindparam("renditions", expanding=True))
SPANS = text(
    "SELECT attempts.worker, tasks.kind, tasks.rendition, tasks.number, attempts.started, attempts.ended,"
    " attempts.outcome FROM attempts JOIN tasks ON tasks.id = attempts.task WHERE attempts.job = :job"
    " ORDER BY attempts.started, attempts.lease"
)


class Overviews:
    """The part of the ledger that people look at."""

    _database: Database
    _now: Callable[[], float]

    async def list_jobs(self, wanted: Wanted) -> list[Job]:
        query = select(jobs).order_by(jobs.c.created.desc(), jobs.c.id).limit(wanted.limit)
        if wanted.after is not None:
            created, last = wanted.after
            query = query.where(or_(jobs.c.created < created, and_(jobs.c.created == created, jobs.c.id > last)))
        if wanted.states:
            query = query.where(jobs.c.state.in_([state.value for state in wanted.states]))
        if wanted.kind is not None:
            measuring = jobs.c.id.startswith(MEASURING)
            query = query.where(measuring if wanted.kind is JobKind.QUALITY else not_(measuring))
        if wanted.owner is not None:
            query = query.where(jobs.c.owner == wanted.owner)
        if wanted.text:
            words = wanted.text.lower()
            name, found = func.lower(jobs.c.name), jobs.c.id.startswith(words, autoescape=True)
            query = query.where(or_(name.contains(words, autoescape=True), found))
        return await self._database.read(lambda db: jobs_with_renditions(db, query))

    async def jobs_named(self, names: Collection[str]) -> list[Job]:
        def look(db: Connection) -> list[Job]:
            queries = (select(jobs).where(jobs.c.id.in_(some)) for some in _slices(names))
            return [job for query in queries for job in jobs_with_renditions(db, query)]

        return await self._database.read(look)

    async def pulses(self) -> dict[str, Pulse]:
        beats = func.sum(case(_STEPS, value=tasks.c.state, else_=0)).label("steps")
        of_tasks = select(tasks.c.job, func.count().label("tasks"), beats).join(jobs, jobs.c.id == tasks.c.job)
        of_tasks = of_tasks.where(jobs.c.state.in_(_UNFINISHED)).group_by(tasks.c.job)
        sums = func.sum(tasks.c.done_frames).label("done"), func.sum(tasks.c.fps).label("fps")
        of_leases = select(tasks.c.job, *sums).where(tasks.c.state == TaskState.LEASED.value).group_by(tasks.c.job)

        def look(db: Connection) -> dict[str, Pulse]:
            steps = {row["job"]: (row["tasks"], float(row["steps"])) for row in fetch(db, of_tasks)}
            leases = {row["job"]: (float(row["done"]), float(row["fps"])) for row in fetch(db, of_leases)}
            return {
                row["id"]: Pulse(
                    row["owner"], (row["updated"], *steps.get(row["id"], ()), *leases.get(row["id"], ()))
                )
                for row in fetch(db, select(jobs.c.id, jobs.c.owner, jobs.c.updated))
            }

        return await self._database.read(look)

    async def tallies(self, names: Collection[str]) -> dict[str, list[Tally]]:
        key = (tasks.c.job, tasks.c.kind, tasks.c.rendition, tasks.c.state)
        summed = (tasks.c.frames, tasks.c.done_frames, tasks.c.fps, tasks.c.cost)
        query = select(*key, func.count().label("tasks"), *(func.sum(c).label(c.name) for c in summed))
        found: dict[str, list[Tally]] = {}
        for row in await self._of_jobs(names, query.group_by(*key), tasks.c.job):
            found.setdefault(row["job"], []).append(rows.tally_of(row))
        return found

    async def costs(self, names: Collection[str]) -> dict[str, Cost]:
        summed = (attempts.c.wall_seconds, attempts.c.cpu_seconds, attempts.c.joules)
        # What runs beside the store has no encoder.
        kind = (attempts.c.job, attempts.c.meter, (attempts.c.encoder != "").label("working"))
        query = select(*kind, *(func.sum(c).label(c.name) for c in summed)).group_by(*kind)
        made: dict[str, Cost] = {}
        for row in await self._of_jobs(names, query, attempts.c.job):
            made[row["job"]] = _with(made.get(row["job"], Cost()), row)
        return made

    async def paces(self, since: float) -> dict[str, Pace]:
        sums = func.sum(tasks.c.cost).label("work"), func.min(attempts.c.started).label("since")
        # So that SQLite finds the few attempts first, instead of going through all tasks by their jobs.
        of_job = func.coalesce(tasks.c.job, "").label("job")
        query = select(of_job, *sums).join(attempts, attempts.c.task == tasks.c.id).group_by(of_job)
        lately = (attempts.c.ended >= since, attempts.c.outcome == Outcome.DELIVERED.value)
        found = await self._database.rows(query.where(*lately, tasks.c.kind == TaskKind.VIDEO.value))
        return {row["job"]: Pace(float(row["work"]), float(row["since"])) for row in found}

    async def cells(self, job: str) -> list[Cell]:
        return await self._database.read(lambda db: [Cell(*row) for row in db.execute(CELLS, {"job": job})])

    async def moves(self, job: str, since: float, renditions: Collection[str], last: int) -> Moves:
        values = {"job": job, "since": since, "renditions": list(renditions), "last": last}
        found = await self._database.read(lambda db: [Cell(*row) for row in db.execute(MOVES, values)])
        cells = [cell for cell in found if cell.failed >= 0]
        return Moves(cells, {cell.state: cell.number for cell in found if cell.failed < 0})

    async def crew(self, job: str) -> list[str]:
        first = func.min(attempts.c.started).label("first")
        query = select(attempts.c.worker, first).where(attempts.c.job == job).group_by(attempts.c.worker)
        found = await self._database.rows(query.order_by(first, attempts.c.worker))
        return [row["worker"] for row in found]

    async def names(self, ids: Collection[str]) -> dict[str, str]:
        query = select(workers.c.id, workers.c.name, workers.c.label)
        found = await self._of_jobs(ids, query, workers.c.id)
        return {row["id"]: row["label"] or row["name"] for row in found}

    async def history(self, job: str, kind: TaskKind, rendition: str, number: int) -> tuple[Task, list[Attempt]]:
        mine = (tasks.c.job == job, tasks.c.kind == kind.value, tasks.c.rendition == rendition)
        query = select(*rows.TASK_SUMMARY).where(*mine, tasks.c.number == number)

        def look(db: Connection) -> tuple[Task, list[Attempt]] | None:
            for row in fetch(db, query):
                tried = select(attempts).where(attempts.c.task == row["id"])
                tried = tried.order_by(attempts.c.started, attempts.c.lease)
                return rows.task_of(row), [rows.attempt_of(one) for one in fetch(db, tried)]
            return None

        found = await self._database.read(look)
        if found is None:
            told = f"The job {job} has no chunk {number} of {rendition[:50]}, or it is not cut yet."
            raise NotFound(told)
        return found

    async def spans(self, job: str) -> list[Span]:
        return await self._database.read(lambda db: [Span(*row) for row in db.execute(SPANS, {"job": job})])

    async def mishaps(self, job: str, limit: int) -> Sequence[Mishap]:
        what = (attempts.c.task, tasks.c.kind, tasks.c.rendition, tasks.c.number, attempts.c.worker)
        how = (attempts.c.ended.label("at"), attempts.c.outcome, attempts.c.error)
        query = select(*what, *how).join(tasks, tasks.c.id == attempts.c.task)
        query = query.where(attempts.c.job == job, attempts.c.outcome.in_(_FAILED))
        newest = query.order_by(attempts.c.ended.desc(), attempts.c.lease).limit(limit)
        return [Mishap(**row) for row in await self._database.rows(newest)]

    async def _of_jobs(self, names: Collection[str], query: Select[Any], column: Any) -> list[rows.Row]:
        """The rows about any of these."""

        def look(db: Connection) -> list[rows.Row]:
            return [row for some in _slices(names) for row in fetch(db, query.where(column.in_(some)))]

        return await self._database.read(look)


def jobs_with_renditions(db: Connection, query: Select[Any]) -> list[Job]:
    found = fetch(db, query)
    by_job: dict[str, list[Rendition]] = {row["id"]: [] for row in found}
    wanted = select(renditions).where(renditions.c.job.in_(list(by_job)))
    for row in fetch(db, wanted.order_by(renditions.c.place)):
        by_job[row["job"]].append(rows.rendition_of(row))
    return [rows.job_of(row, by_job[row["id"]]) for row in found]


# A move of a task from any state to another changes the sum, and two moves hardly leave it as it was.
_STEPS = {
    state.value: step for state, step in zip(TaskState, (1, 1_000, 1_000_003, 1_000_000_007, 31), strict=True)
}


def _slices(names: Collection[str]) -> list[list[str]]:
    every = list(names)
    return [every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE)]


def _with(cost: Cost, row: Row) -> Cost:
    """And what these attempts have cost, all known in the same way."""
    wall = float(row["wall_seconds"])
    energy = cost.energy
    if row["working"] and wall > 0:
        energy = energy.plus(float(row["joules"]), row["meter"], wall)
    return Cost(cost.wall_seconds + wall, cost.cpu_seconds + float(row["cpu_seconds"]), energy)
