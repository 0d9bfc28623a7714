"""What the ledger is asked for a result that grows: the parts that are there, in order."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change
from fallow.adapters.ledger_tables import chunks, tasks
from fallow.model import Chunk, TaskKind, TaskState
from fallow.records import Task


class Prefixes:
    """The part of the ledger that joiners ask."""

    _database: Database
    _now: Callable[[], float]

    async def prefix(self, job: str, rendition: str, start: int, limit: int) -> list[tuple[Chunk, Task]]:
        mine = (tasks.c.job == job, tasks.c.kind == TaskKind.VIDEO.value, tasks.c.rendition == rendition)
        window = (tasks.c.number >= start, tasks.c.number < start + limit)
        same = (chunks.c.job == tasks.c.job) & (chunks.c.number == tasks.c.number)
        query = select(*rows.TASK_SUMMARY, chunks.c.chunk).join_from(tasks, chunks, same)
        found: list[tuple[Chunk, Task]] = []
        for row in await self._database.rows(query.where(*mine, *window).order_by(tasks.c.number)):
            task, chunk = rows.task_of(row), rows.loads(Chunk, row["chunk"])
            if chunk is None or task.state is not TaskState.DONE or chunk.number != start + len(found):
                break
            found.append((chunk, task))
        return found

    async def hasten(self, job: str, kind: TaskKind, rendition: str) -> bool:
        now = self._now()
        mine = (tasks.c.job == job, tasks.c.kind == kind.value, tasks.c.rendition == rendition)
        waits = (tasks.c.state == TaskState.PLANNED.value, tasks.c.error == "", tasks.c.retry_at > now)
        return await self._database.write(lambda db: change(db, tasks, {"retry_at": now}, *mine, *waits))
