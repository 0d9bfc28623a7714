"""The ledger in SQL: portable statements, conditional updates, one short transaction a method."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, select, update

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_amending import Amendments
from fallow.adapters.ledger_bundles import Bundles
from fallow.adapters.ledger_census import census
from fallow.adapters.ledger_database import Database, add, change
from fallow.adapters.ledger_hedges import EXPIRED, end_hedge, take_over
from fallow.adapters.ledger_leases import Leases
from fallow.adapters.ledger_overview import Overviews, jobs_with_renditions
from fallow.adapters.ledger_packages import Packages, forget_packages
from fallow.adapters.ledger_people import PeopleRows
from fallow.adapters.ledger_performance import Performance
from fallow.adapters.ledger_pieces import Pieces, of_chunks_from
from fallow.adapters.ledger_prefix import Prefixes
from fallow.adapters.ledger_profiles import Profiles
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_tables import (
    attempts,
    chunks,
    files,
    hedges,
    jobs,
    packages,
    renditions,
    tasks,
    tracks,
    turns,
)
from fallow.adapters.ledger_turns import Turns
from fallow.adapters.ledger_webhooks import WebhookRows, note_end
from fallow.adapters.ledger_workers import Workers
from fallow.errors import Conflict, NotFound
from fallow.model import Chunk, JobState, Part, Source, TaskKind, TaskState, Track, track_number
from fallow.records import (
    UNTIL_WOKEN,
    Attempt,
    Census,
    Freed,
    Job,
    Outcome,
    Setback,
    Share,
    Tally,
    Task,
    TaskSpec,
)

_ENDED = [state.value for state in JobState if state.ended]
_PUT_OFF = (tasks.c.state == TaskState.PLANNED.value, tasks.c.retry_at == UNTIL_WOKEN)
_OFFERED = [TaskState.QUEUED.value, TaskState.LEASED.value]


class SqlLedger(
    Leases,
    Bundles,
    Prefixes,
    Pieces,
    Packages,
    Turns,
    Overviews,
    Amendments,
    Workers,
    Performance,
    Profiles,
    PeopleRows,
    WebhookRows,
):
    """Jobs, tasks, leases and workers behind one SQLAlchemy engine."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        super().__init__(database, now)
        self._write = database.write
        self._rows = database.rows

    @classmethod
    async def open(
        cls, place: str | Path, now: Callable[[], float] = time.time, patience: Patience | None = None
    ) -> SqlLedger:
        """Connect to a URL or an SQLite file; a new file gets its tables, a server must have them."""
        return cls(await Database.open(place, patience), now)

    async def close(self) -> None:
        await self._database.close()

    # jobs

    async def create_job(self, job: Job) -> bool:
        def work(db: Connection) -> bool:
            if not add(db, jobs, [rows.job_row(job)]):
                return False
            add(db, renditions, [rows.rendition_row(r, place) for place, r in enumerate(job.renditions)])
            return True

        return await self._write(work)

    async def job(self, job: str) -> Job:
        found = await self._jobs(select(jobs).where(jobs.c.id == job))
        if not found:
            raise NotFound(f"There is no job {job}; `fallow jobs` lists those that there are.")
        return found[0]

    async def jobs(self, limit: int = 100, owner: str | None = None) -> list[Job]:
        mine = [] if owner is None else [jobs.c.owner == owner]
        return await self._jobs(select(jobs).where(*mine).order_by(jobs.c.created.desc(), jobs.c.id).limit(limit))

    async def unfinished_jobs(self) -> list[str]:
        query = select(jobs.c.id).where(jobs.c.state.not_in(_ENDED)).order_by(jobs.c.created)
        return [row["id"] for row in await self._rows(query)]

    async def move_job(self, job: str, new: JobState, error: str = "", error_kind: str = "") -> bool:
        before = [state.value for state in JobState if new in state.moves]
        values = {"state": new.value, "updated": self._now(), "error": error, "error_kind": error_kind}
        values |= {"paused": 0} if new.ended else {}

        def work(db: Connection) -> bool:
            changed = change(db, jobs, values, jobs.c.id == job, jobs.c.state.in_(before))
            if changed and new.ended:
                self._stop_tasks(db, job)
                note_end(db, job, new, self._now())
            return changed

        return await self._write(work)

    async def saw_upload(self, job: str) -> bool:
        waiting = (jobs.c.id == job, jobs.c.state == JobState.UPLOADING.value)
        return await self._write(lambda db: change(db, jobs, {"updated": self._now()}, *waiting))

    async def set_source(self, job: str, source: Source) -> None:
        values = {"source": rows.dumps(source), "updated": self._now()}
        await self._write(lambda db: change(db, jobs, values, jobs.c.id == job))

    async def set_result(self, job: str, rendition: str, result: Part, facts: dict[str, Any]) -> bool:
        values = {"result": rows.dumps(result), "facts": rows.dumps(facts)}
        mine = (renditions.c.job == job, renditions.c.name == rendition, renditions.c.result.is_(None))
        return await self._write(lambda db: change(db, renditions, values, *mine))

    async def drop_renditions(self, job: str, names: Sequence[str]) -> None:
        def work(db: Connection) -> None:
            mine = (renditions.c.job == job, renditions.c.name.in_(list(names)), renditions.c.result.is_(None))
            db.execute(delete(renditions).where(*mine))

        await self._write(work)

    async def forget_job(self, job: str) -> None:
        def work(db: Connection) -> None:
            state = (db.execute(select(jobs.c.state).where(jobs.c.id == job))).scalar()
            if state is not None and not JobState(state).ended:
                raise Conflict(f"The job {job} is {state}; cancel it first.")
            for table in (attempts, hedges, turns, tasks, tracks, chunks, packages, files, renditions):
                db.execute(delete(table).where(table.c.job == job))
            db.execute(delete(jobs).where(jobs.c.id == job))

        await self._write(work)

    # chunks, tracks and tasks

    async def add_chunk(self, chunk: Chunk, tasks: Sequence[TaskSpec]) -> bool:
        row = {"job": chunk.job, "number": chunk.number, "chunk": rows.dumps(chunk)}
        return await self._add_with_tasks(chunks, row, tasks)

    async def add_track(self, track: Track, tasks: Sequence[TaskSpec]) -> bool:
        row = {"job": track.job, "kind": track.kind.value, "number": track.number, "track": rows.dumps(track)}
        return await self._add_with_tasks(tracks, row, tasks)

    async def replace(self, lost: Chunk | Track, made: Chunk | Track, specs: Sequence[TaskSpec]) -> bool:
        column, mine = rows.record_of(made)

        def work(db: Connection) -> bool:
            text = db.execute(select(column).where(*mine)).scalar()
            if rows.loads(type(lost), text) != lost:
                return False
            changed = change(db, column.table, {column.name: rows.dumps(made)}, *mine, column == text)
            for spec in specs if changed else ():
                change(db, tasks, {**rows.object_row(spec), "retry_at": 0.0}, tasks.c.id.in_(rows.task_ids(spec)))
            return changed

        return await self._write(work)

    async def discard(self, job: str, number: int) -> None:
        late = (tasks.c.job == job, tasks.c.kind == TaskKind.VIDEO.value, of_chunks_from(number))

        def work(db: Connection) -> None:
            _forget_tasks(db, late)
            db.execute(delete(chunks).where(chunks.c.job == job, chunks.c.number >= number))
            shown = db.execute(select(func.max(packages.c.chunks)).where(packages.c.job == job)).scalar()
            if (shown or 0) > number:
                forget_packages(db, job)

        await self._write(work)

    async def discard_sections(self, job: str) -> None:
        sound = (tasks.c.job == job, tasks.c.kind == TaskKind.AUDIO.value, tasks.c.number >= track_number(0, 0))

        def work(db: Connection) -> None:
            _forget_tasks(db, sound)
            mine = (tracks.c.job == job, tracks.c.kind == TaskKind.AUDIO.value)
            db.execute(delete(tracks).where(*mine, tracks.c.number >= track_number(0, 0)))
            forget_packages(db, job)

        await self._write(work)

    async def chunks(self, job: str) -> list[Chunk]:
        query = select(chunks.c.chunk).where(chunks.c.job == job).order_by(chunks.c.number)
        return [chunk for row in await self._rows(query) if (chunk := rows.loads(Chunk, row["chunk"]))]

    async def tracks(self, job: str) -> list[Track]:
        query = select(tracks.c.track).where(tracks.c.job == job).order_by(tracks.c.kind, tracks.c.number)
        return [track for row in await self._rows(query) if (track := rows.loads(Track, row["track"]))]

    async def plan(self, specs: Sequence[TaskSpec]) -> int:
        return await self._write(lambda db: add(db, tasks, [rows.task_row(spec) for spec in specs]))

    async def task(self, task: str) -> Task:
        found = await self._tasks(select(tasks).where(tasks.c.id == task))
        if not found:
            raise NotFound(f"There is no task {task}.")
        return found[0]

    async def tasks(self, job: str, kinds: Sequence[TaskKind] = ()) -> list[Task]:
        order = (tasks.c.kind, tasks.c.rendition, tasks.c.number)
        wanted = [tasks.c.kind.in_([kind.value for kind in kinds])] if kinds else []
        return await self._tasks(_summaries().where(tasks.c.job == job, *wanted).order_by(*order))

    async def running(self, job: str) -> list[Task]:
        return await self._tasks(_summaries().where(tasks.c.job == job, tasks.c.state == TaskState.LEASED.value))

    async def tally(self, job: str) -> list[Tally]:
        return (await self.tallies([job])).get(job, [])

    async def shares(self, job: str) -> list[Share]:
        summed = (attempts.c.frames, attempts.c.wall_seconds, attempts.c.cpu_seconds)
        sums = [func.sum(c).label(c.name) for c in (*summed, attempts.c.bytes_in, attempts.c.bytes_out)]
        query = select(attempts.c.worker, func.count().label("tasks"), *sums)
        mine = (attempts.c.job == job, attempts.c.outcome == Outcome.DELIVERED.value)
        return [rows.share_of(row) for row in await self._rows(query.where(*mine).group_by(attempts.c.worker))]

    async def attempt(self, lease: str) -> Attempt:
        found = await self._rows(select(attempts).where(attempts.c.lease == lease))
        if not found:
            raise NotFound("There is no such lease.")
        return rows.attempt_of(found[0])

    async def attempts(self, job: str) -> list[Attempt]:
        query = select(attempts).where(attempts.c.job == job).order_by(attempts.c.started, attempts.c.lease)
        return [rows.attempt_of(row) for row in await self._rows(query)]

    # leases

    async def give_up(self, lease: str, setback: Setback) -> Freed:
        state = TaskState.DEAD if setback.retry_at is None else TaskState.PLANNED
        values = {**_free(state), "error": setback.error, "retry_at": setback.retry_at or 0.0}
        if setback.outcome is Outcome.CANCELLED:
            values["attempt"] = tasks.c.attempt - 1

        def work(db: Connection) -> Freed:
            for step in (end_hedge, take_over):
                if freed := step(db, lease, setback, self._now()):
                    return freed
            mine = (tasks.c.lease == lease, tasks.c.state == TaskState.LEASED.value)
            if not change(db, tasks, values, *mine):
                return Freed.NOTHING
            more = {"error": setback.error, "counted": setback.counted, **rows.effort_row(setback.effort)}
            self._end(db, (attempts.c.lease == lease,), setback.outcome, **more)
            return Freed.TASK

        return await self._write(work)

    async def wake(self, job: str, kind: TaskKind) -> bool:
        mine = (tasks.c.job == job, tasks.c.kind == kind.value, *_PUT_OFF)
        return await self._write(lambda db: change(db, tasks, {"retry_at": 0.0}, *mine))

    async def waits(self, job: str) -> str:
        found = await self._rows(select(tasks.c.error).where(tasks.c.job == job, *_PUT_OFF).limit(1))
        return str(found[0]["error"]) if found else ""

    async def reopen(self, task: str, error: str) -> bool:
        values = {**_free(TaskState.PLANNED), "part": None, "headers": "", "error": error, "retry_at": 0.0}

        def work(db: Connection) -> bool:
            done = (tasks.c.id == task, tasks.c.state == TaskState.DONE.value)
            if not change(db, tasks, values, *done):
                return False
            delivered = (attempts.c.task == task, attempts.c.outcome == Outcome.DELIVERED.value)
            self._end(db, delivered, Outcome.FAILED, error=error)
            return True

        return await self._write(work)

    async def revive(self, job: str) -> int:
        values = {**_free(TaskState.PLANNED), "attempt": 0, "retry_at": 0.0}

        def work(db: Connection) -> int:
            dead = (tasks.c.job == job, tasks.c.state == TaskState.DEAD.value)
            return (db.execute(update(tasks).where(*dead).values(**values))).rowcount

        return await self._write(work)

    async def expired(self, now: float) -> list[Task]:
        out = (tasks.c.state == TaskState.LEASED.value, tasks.c.lease_until < now)
        return [*await self._tasks(_summaries().where(*out)), *await self._hedges(EXPIRED, now=now)]

    async def overdue(self, before: float) -> list[Task]:
        paused = select(jobs.c.id).where(jobs.c.paused == 1)
        waiting = (tasks.c.state == TaskState.QUEUED.value, tasks.c.queued_at < before, tasks.c.job.not_in(paused))
        return await self._tasks(_summaries().where(*waiting).order_by(tasks.c.queued_at, tasks.c.id))

    async def census(self) -> Census:
        return await self._database.read(census)

    # what several of the above are made of

    async def _jobs(self, query: Select[Any]) -> list[Job]:
        return await self._database.read(lambda db: jobs_with_renditions(db, query))

    async def _tasks(self, query: Select[Any]) -> list[Task]:
        return [rows.task_of(row) for row in await self._rows(query)]

    async def _add_with_tasks(self, table: Table, row: dict[str, Any], specs: Sequence[TaskSpec]) -> bool:
        def work(db: Connection) -> bool:
            new = add(db, table, [row])
            add(db, tasks, [rows.task_row(spec) for spec in specs])
            return bool(new)

        return await self._write(work)

    def _end(self, db: Connection, which: Sequence[ColumnElement[bool]], how: Outcome, **more: Any) -> None:
        """Close attempts; one that ended before keeps its time."""
        values = {"outcome": how.value, "ended": func.coalesce(attempts.c.ended, self._now()), **more}
        db.execute(update(attempts).where(*which).values(**values))

    def _stop_tasks(self, db: Connection, job: str) -> None:
        """The job has ended: no lease of it goes on, and a retry finds its tasks planned."""
        leased = (tasks.c.job == job, tasks.c.state == TaskState.LEASED.value)
        # In a statement of its own: databases differ in which value of a column an expression beside it sees.
        db.execute(update(tasks).where(*leased).values(attempt=tasks.c.attempt - 1))
        offered = (tasks.c.job == job, tasks.c.state.in_(_OFFERED))
        db.execute(update(tasks).where(*offered).values(**_free(TaskState.PLANNED)))
        db.execute(delete(hedges).where(hedges.c.job == job))
        self._end(db, (attempts.c.job == job, attempts.c.ended.is_(None)), Outcome.CANCELLED)


def _forget_tasks(db: Connection, which: Sequence[ColumnElement[bool]]) -> None:
    for table in (attempts, hedges):
        db.execute(delete(table).where(table.c.task.in_(select(tasks.c.id).where(*which))))
    db.execute(delete(tasks).where(*which))  # with the attempts that have begun meanwhile


def _summaries() -> Select[Any]:
    return select(*rows.TASK_SUMMARY)


def _free(state: TaskState) -> dict[str, Any]:
    """The columns of a task that nobody is at, in that state."""
    lease = {"worker": "", "lease": "", "lease_until": 0.0, "deadline": 0.0}
    return {"state": state.value, "done_frames": 0, "fps": 0.0, **lease}
