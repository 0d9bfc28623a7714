"""How many jobs and tasks there are in each state."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from fallow.adapters.ledger_database import fetch
from fallow.adapters.ledger_tables import jobs, tasks
from fallow.model import JobState, TaskKind, TaskState
from fallow.records import Census

_UNFINISHED = [state.value for state in JobState if not state.ended]


def census(db: Connection) -> Census:
    """Jobs by an index alone; tasks of the unfinished jobs only, for the others' are as many as ever were."""
    count = func.count().label("count")
    of_jobs = fetch(db, select(jobs.c.state, count).group_by(jobs.c.state))
    unfinished = jobs.c.state.in_(_UNFINISHED)
    grouped = select(tasks.c.kind, tasks.c.state, count).join(jobs, jobs.c.id == tasks.c.job).where(unfinished)
    of_tasks = fetch(db, grouped.group_by(tasks.c.kind, tasks.c.state))
    return Census(
        {JobState(row["state"]): row["count"] for row in of_jobs},
        {(TaskKind(row["kind"]), TaskState(row["state"])): row["count"] for row in of_tasks},
    )
