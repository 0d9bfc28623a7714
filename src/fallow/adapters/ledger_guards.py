"""Checks across rows that two transactions must not pass at once, though neither changes what the other reads."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, select, update

from fallow.adapters.ledger_database import fetch
from fallow.adapters.ledger_tables import jobs, tasks
from fallow.errors import BrokenPart
from fallow.model import Part, TaskKind, TaskState


class _Done(NamedTuple):
    """A task whose part is accepted."""

    number: int
    headers: str


class Headers:
    """Parts of one rendition are joined into one stream, so their parameter sets must agree."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str], list[_Done]] = {}  # by job and rendition; any two are enough

    def check(self, task: RowMapping, part: Part) -> None:
        """Raises BrokenPart when the part does not fit to those that there are. If it does, it is one of them."""
        if task["kind"] != TaskKind.VIDEO.value:
            return
        key = (task["job"], task["rendition"])
        if key not in self._known:
            self._known[key] = self._found(*key)
        # All that were accepted agree, so one of them stands for all.
        other = next((one for one in self._known[key] if one.number != task["number"]), None)
        if other is not None and other.headers != part.headers:
            raise BrokenPart(
                f"The part of chunk {task['number']} has other codec parameters than that of chunk {other.number}; "
                "they cannot be joined into one stream."
            )
        self._known[key].append(_Done(task["number"], part.headers))

    def _found(self, job: str, rendition: str) -> list[_Done]:
        same = (tasks.c.job == job, tasks.c.kind == TaskKind.VIDEO.value, tasks.c.rendition == rendition)
        done = select(tasks.c.number, tasks.c.headers).where(*same, tasks.c.state == TaskState.DONE.value).limit(2)
        if len(fetch(self._db, done)) < 2:
            # Two that differ might come at once and each see none, for locks hold on one node only: both write to
            # their job, and the later one waits or must begin again, and sees the other.
            self._db.execute(update(jobs).where(jobs.c.id == job).values(updated=jobs.c.updated + 1e-6))
        return [_Done(row["number"], row["headers"]) for row in fetch(self._db, done)]
