"""Checks across rows that two transactions must not pass at once, though neither changes what the other reads."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from fallow.adapters.ledger_database import fetch
from fallow.adapters.ledger_tables import jobs, tasks
from fallow.errors import BrokenPart
from fallow.model import Part, TaskKind, TaskState
from fallow.records import Task


def check_headers(db: Connection, task: Task, part: Part) -> None:
    """Parts of one rendition are joined into one stream, so their parameter sets must agree."""
    if task.spec.kind is not TaskKind.VIDEO:
        return
    same = (tasks.c.job == task.spec.job, tasks.c.kind == TaskKind.VIDEO.value)
    done = (tasks.c.rendition == task.spec.rendition, tasks.c.state == TaskState.DONE.value)
    others = select(tasks.c.number, tasks.c.headers).where(*same, *done, tasks.c.id != task.id)
    # One that agrees settles it. Without any, two of them might come at once and each see none, for locks hold on
    # one node only: so both write to their job, and the later one waits or must begin again, and sees the other.
    if not fetch(db, others.limit(1)):
        db.execute(update(jobs).where(jobs.c.id == task.spec.job).values(updated=jobs.c.updated + 1e-6))
    number = (db.execute(others.where(tasks.c.headers != part.headers).limit(1))).scalar()
    if number is not None:
        raise BrokenPart(
            f"The part of chunk {task.spec.number} has other codec parameters than that of chunk {number}; "
            "they cannot be joined into one stream."
        )
