"""What the ledger knows of workers: who they are, what they are at, what they have done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, and_, case, delete, exists, func, insert, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change, fetch
from fallow.adapters.ledger_hedges import AT
from fallow.adapters.ledger_tables import attempts, hedges, jobs, tasks, workers
from fallow.errors import NotFound
from fallow.fleet import Deeds, Doing
from fallow.model import Standing, TaskKind, TaskState, Worker
from fallow.records import Outcome, Task

_LEASED = tasks.c.state == TaskState.LEASED.value
_GOOD = attempts.c.outcome.in_([Outcome.DELIVERED.value, Outcome.LATE.value])
_BAD = attempts.c.outcome.in_([Outcome.FAILED.value, Outcome.EXPIRED.value])


class Workers:
    """The part of the ledger that is about workers."""

    _database: Database
    _now: Callable[[], float]
    _hedges: Callable[..., Any]

    async def add_worker(self, worker: Worker, token_sha256: str) -> None:
        row = {"name": worker.name[:128], "machine": rows.dumps(worker.machine), "local": worker.local}
        row |= {"seen": worker.seen, "token_sha256": token_sha256, "paused": worker.paused}

        def work(db: Connection) -> None:
            if not change(db, workers, row, workers.c.id == worker.id):
                db.execute(insert(workers).values(id=worker.id, registered=self._now(), **row))

        await self._database.write(work)

    async def worker(self, worker: str) -> Worker:
        found = await self._workers(select(workers).where(workers.c.id == worker))
        if not found:
            raise NotFound(f"There is no worker {worker[:64]}; `fallow workers` lists those that there are.")
        return found[0]

    async def worker_of_token(self, token_sha256: str) -> Worker | None:
        found = await self._workers(select(workers).where(workers.c.token_sha256 == token_sha256))
        return found[0] if found else None

    async def workers(self) -> list[Worker]:
        return await self._workers(select(workers).order_by(workers.c.seen.desc(), workers.c.id))

    async def helpers(self, since: float) -> int:
        query = select(func.count().label("count")).where(workers.c.seen >= since, workers.c.local.is_(False))
        (found,) = await self._database.rows(query)
        return int(found["count"])

    async def label_worker(self, worker: str, label: str) -> bool:
        return await self._set(worker, label=label[:128])

    async def describe_worker(self, worker: str, machine: dict[str, Any]) -> bool:
        return await self._set(worker, machine=rows.dumps(machine))

    async def rank_worker(self, worker: str, standing: Standing) -> bool:
        return await self._set(worker, standing=standing.value)

    async def pause_worker(self, worker: str, reason: str) -> bool:
        return await self._set(worker, paused=reason[:255])

    async def forget_worker(self, worker: str, before: float) -> bool:
        leased = exists().where(tasks.c.worker == worker, _LEASED)
        second = exists().where(hedges.c.worker == worker)
        gone = (workers.c.id == worker, workers.c.seen < before, ~leased, ~second)
        return await self._database.write(lambda db: db.execute(delete(workers).where(*gone)).rowcount > 0)

    async def leases_at(self, home: str) -> list[Task]:
        of_home = (_LEASED, tasks.c.worker.startswith(home, autoescape=True))
        found = await self._database.rows(select(*rows.TASK_SUMMARY).where(*of_home))
        return [*map(rows.task_of, found), *await self._hedges(AT, home=home)]

    async def doings(self) -> list[Doing]:
        told = (tasks.c.job, tasks.c.kind, tasks.c.rendition, tasks.c.number, tasks.c.frames)
        what = (*told, tasks.c.id.label("task"), jobs.c.name.label("job_name"))
        first = select(tasks.c.worker, tasks.c.done_frames, tasks.c.fps, *what).where(_LEASED)
        second = select(hedges.c.worker, hedges.c.done_frames, hedges.c.fps, *what)
        rivals = second.join(tasks, and_(hedges.c.task == tasks.c.id, hedges.c.rival == tasks.c.lease))

        def read(db: Connection) -> list[Doing]:
            both = [fetch(db, query.join(jobs, jobs.c.id == tasks.c.job)) for query in (first, rivals)]
            return [_doing(row) for found in both for row in found]

        return await self._database.read(read)

    async def deeds(self, lately: float) -> list[Deeds]:
        good = {"frames": attempts.c.frames, "wall_seconds": attempts.c.wall_seconds}
        late = and_(_GOOD, attempts.c.ended >= lately, attempts.c.frames > 0)
        sums = {"delivered": case((_GOOD, 1), else_=0), "failed": case((_BAD, 1), else_=0)}
        sums |= {name: case((_GOOD, column), else_=0) for name, column in good.items()}
        sums |= {f"late_{name}": case((late, column), else_=0) for name, column in good.items()}
        query = select(attempts.c.worker, *(func.sum(one).label(name) for name, one in sums.items()))
        return [_deeds(row) for row in await self._database.rows(query.group_by(attempts.c.worker))]

    async def _workers(self, query: Select[Any]) -> list[Worker]:
        return [rows.worker_of(row) for row in await self._database.rows(query)]

    async def _set(self, worker: str, **values: str) -> bool:
        def work(db: Connection) -> bool:
            # Counted by itself: MariaDB tells of rows that are changed, not of those that are so already.
            known = fetch(db, select(workers.c.id).where(workers.c.id == worker))
            change(db, workers, values, workers.c.id == worker)
            return bool(known)

        return await self._database.write_again(work)


def _doing(row: rows.Row) -> Doing:
    return Doing(**{**row, "kind": TaskKind(row["kind"])})


def _deeds(row: rows.Row) -> Deeds:
    seconds = float(row["late_wall_seconds"])
    return Deeds(
        worker=row["worker"],
        delivered=int(row["delivered"]),
        failed=int(row["failed"]),
        frames=int(row["frames"]),
        wall_seconds=float(row["wall_seconds"]),
        fps=float(row["late_frames"]) / seconds if seconds > 0 else 0.0,
    )
