"""What the ledger knows of chunks that are divided: a task for each piece, with a number that names both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, add, change
from fallow.adapters.ledger_tables import attempts, chunks, jobs, tasks
from fallow.model import CHUNKS, Chunk, JobState, TaskKind, TaskState, piece_numbers
from fallow.records import Task, TaskSpec

_WAITS = [TaskState.PLANNED.value, TaskState.QUEUED.value]
_UNFINISHED = [state.value for state in JobState if not state.ended]


class Pieces:
    """The part of the ledger that divides tasks."""

    _database: Database

    async def pieces(self, job: str, rendition: str, number: int) -> tuple[Chunk, list[Task]] | None:
        whole = select(chunks.c.chunk).where(chunks.c.job == job, chunks.c.number == number)
        parts = select(*rows.TASK_SUMMARY).where(*_of(job, rendition), tasks.c.number.in_(piece_numbers(number)))

        def read(db: Connection) -> tuple[Chunk, list[Task]] | None:
            chunk = rows.loads(Chunk, db.execute(whole).scalar())
            found = [rows.task_of(dict(row._mapping)) for row in db.execute(parts.order_by(tasks.c.number))]
            return (chunk, found) if chunk and found else None

        return await self._database.read(read)

    async def divide(self, task: Task, head: TaskSpec, rest: Sequence[TaskSpec]) -> bool:
        # Nobody was at it: no attempt delivers what it was before. It is as it was read: nobody else divides it.
        running = select(jobs.c.id).where(jobs.c.state.in_(_UNFINISHED))
        as_read = (tasks.c.id == task.id, tasks.c.state.in_(_WAITS), tasks.c.frames == task.spec.frames)
        untried = (tasks.c.attempt == 0, ~exists().where(attempts.c.task == tasks.c.id), tasks.c.job.in_(running))
        values: dict[str, Any] = {"recipe": rows.dumps(head.recipe), "frames": head.frames, "cost": head.cost}

        def work(db: Connection) -> bool:
            if not change(db, tasks, values, *as_read, *untried):
                return False
            add(db, tasks, [rows.task_row(spec) for spec in rest])
            return True

        return await self._database.write(work)


def _of(job: str, rendition: str) -> tuple[ColumnElement[bool], ...]:
    return tasks.c.job == job, tasks.c.kind == TaskKind.VIDEO.value, tasks.c.rendition == rendition


def of_chunks_from(number: int) -> ColumnElement[bool]:
    """Of this chunk or a later one, whole or a piece."""
    return tasks.c.number % CHUNKS >= number
