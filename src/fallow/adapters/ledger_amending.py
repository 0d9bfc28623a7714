"""What people change of a job that is under way."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, select, update

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change
from fallow.adapters.ledger_tables import jobs, tasks, turns
from fallow.model import JobState, TaskState

_UNFINISHED = [state.value for state in JobState if not state.ended]


class Amendments:
    """The part of the ledger that is about this."""

    _database: Database
    _now: Callable[[], float]

    async def pause(self, job: str) -> bool:
        return await self._database.write(lambda db: self._turn(db, job, 0, 1))

    async def resume(self, job: str) -> bool:
        return await self._database.write(lambda db: self._turn(db, job, 1, 0))

    async def prioritise(self, job: str, priority: str) -> bool:
        mine = (jobs.c.id == job, jobs.c.state.in_(_UNFINISHED))

        def work(db: Connection) -> bool:
            text = db.execute(select(jobs.c.options).where(*mine).with_for_update()).scalar()
            options = json.loads(text or "{}")
            if text is None or options.get("priority") == priority:
                return False
            options["priority"] = priority
            change(db, jobs, {"options": rows.dumps(options), "updated": self._now()}, *mine)
            db.execute(update(turns).where(turns.c.job == job).values(waits=0))
            _take_back(db, job)
            return True

        return await self._database.write(work)

    def _turn(self, db: Connection, job: str, before: int, after: int) -> bool:
        mine = (jobs.c.id == job, jobs.c.paused == before, jobs.c.state.in_(_UNFINISHED))
        if not change(db, jobs, {"paused": after, "updated": self._now()}, *mine):
            return False
        _take_back(db, job)
        return True


def _take_back(db: Connection, job: str) -> None:
    """What is offered waits again. Messages about it that are under way find nothing to be had."""
    offered = (tasks.c.job == job, tasks.c.state == TaskState.QUEUED.value)
    db.execute(update(tasks).where(*offered).values(state=TaskState.PLANNED.value))
