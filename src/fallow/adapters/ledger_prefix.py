"""What the ledger is asked for a result that grows: the parts that are there, in order."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import or_, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change
from fallow.adapters.ledger_tables import chunks, tasks
from fallow.model import CHUNKS, PLACES, Chunk, TaskKind, TaskState, piece_number, pieces_of
from fallow.records import Task


class Prefixes:
    """The part of the ledger that joiners ask."""

    _database: Database
    _now: Callable[[], float]

    async def prefix(self, job: str, rendition: str, start: int, limit: int) -> list[tuple[Chunk, Task]]:
        mine = (tasks.c.job == job, tasks.c.kind == TaskKind.VIDEO.value, tasks.c.rendition == rendition)
        ranges = (piece_number(start, place) for place in range(PLACES))
        window = or_(*(tasks.c.number.between(first, first + limit - 1) for first in ranges))
        same = (chunks.c.job == tasks.c.job) & (chunks.c.number == tasks.c.number % CHUNKS)
        query = select(*rows.TASK_SUMMARY, chunks.c.chunk).join_from(tasks, chunks, same)
        by_chunk: dict[int, tuple[Chunk, list[Task]]] = {}
        for row in await self._database.rows(query.where(*mine, window).order_by(tasks.c.number)):
            if chunk := rows.loads(Chunk, row["chunk"]):
                by_chunk.setdefault(chunk.number, (chunk, []))[1].append(rows.task_of(row))
        found: list[tuple[Chunk, Task]] = []
        for number in range(start, start + limit):
            if number not in by_chunk or any(t.state is not TaskState.DONE for t in by_chunk[number][1]):
                break
            chunk, parts = by_chunk[number]
            found += zip(pieces_of(chunk, [task.spec.number for task in parts]), parts, strict=True)
        return found

    async def hasten(self, job: str, kind: TaskKind, rendition: str) -> bool:
        now = self._now()
        mine = (tasks.c.job == job, tasks.c.kind == kind.value, tasks.c.rendition == rendition)
        waits = (tasks.c.state == TaskState.PLANNED.value, tasks.c.error == "", tasks.c.retry_at > now)
        return await self._database.write(lambda db: change(db, tasks, {"retry_at": now}, *mine, *waits))
