"""What the ledger knows for who hands out several tasks at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, select, update

from fallow.adapters.ledger_database import Database, fetch
from fallow.adapters.ledger_tables import jobs, tasks
from fallow.adapters.ledger_turns import charge
from fallow.model import JobState, TaskKind, TaskState
from fallow.records import Crowd

_OPEN = [TaskState.PLANNED.value, TaskState.QUEUED.value]
_ELSEWHERE = [TaskKind.VIDEO.value, TaskKind.AUDIO.value, TaskKind.TEXT.value]
_UNFINISHED = [state.value for state in JobState if not state.ended]


class Bundles:
    """The part of the ledger that looks at tasks beside each other."""

    _database: Database
    _now: Callable[[], float]

    async def offer(self, ids: Sequence[str]) -> None:
        planned = (tasks.c.state == TaskState.PLANNED.value, tasks.c.retry_at <= self._now())
        values = {"state": TaskState.QUEUED.value, "queued_at": self._now()}
        these = (tasks.c.id.in_(ids), *planned)
        lane = (tasks.c.job, tasks.c.kind, tasks.c.encoder)
        work = select(*lane, func.sum(tasks.c.cost).label("cost")).where(*these).group_by(*lane)

        def offer(db: Connection) -> None:
            for row in fetch(db, work):
                charge(db, row["job"], TaskKind(row["kind"]), row["encoder"], row["cost"])
            db.execute(update(tasks).where(*these).values(values))

        await self._database.write_again(offer)

    async def crowd(self) -> Crowd:
        def count(db: Connection) -> Crowd:
            waiting = select(func.count().label("count")).join(jobs, jobs.c.id == tasks.c.job)
            waiting = waiting.where(jobs.c.state.in_(_UNFINISHED), jobs.c.paused == 0, tasks.c.kind.in_(_ELSEWHERE))
            pieces = select(tasks.c.worker, tasks.c.job, tasks.c.kind, tasks.c.number).distinct()
            pieces = pieces.where(tasks.c.state == TaskState.LEASED.value, tasks.c.kind.in_(_ELSEWHERE))
            busy = select(func.count().label("count")).select_from(pieces.subquery())
            (left,) = fetch(db, waiting.where(tasks.c.state.in_(_OPEN)))
            (done,) = fetch(db, busy)
            return Crowd(left["count"], done["count"])

        return await self._database.read(count)
