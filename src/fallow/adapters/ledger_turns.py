"""Whose tasks are offered next: jobs stand in the lanes of their tasks, and take turns with others.

A row of `turns` for each job in each lane, and one for each owner. How many statements it takes to offer some
tasks, and how many rows these read, depends neither on how many jobs wait nor on how many tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import COMMIT, Database, change, fetch
from fallow.adapters.ledger_script import Answer, Missed, Script, Statement, run
from fallow.adapters.ledger_tables import turns
from fallow.model import TaskKind
from fallow.pipeline import order
from fallow.records import Lane, Task

_LOOKS = 64  # at who waits in a lane, at most, to fill it once
OWNERS = JOBS = 4  # that are looked at, at once: those that come next
_SUMMARY = ", ".join(f"tasks.{column.name}" for column in rows.TASK_SUMMARY)
_ACTIVE = "SELECT id FROM jobs WHERE state IN ('uploading', 'splitting', 'encoding', 'joining') AND paused = 0"
_READY = "state = 'planned' AND retry_at <= :now"

LANES = Statement(
    "SELECT kind, encoder FROM (SELECT kind, encoder FROM tasks WHERE job = :job AND state = 'planned'"
    " GROUP BY kind, encoder) AS lanes WHERE EXISTS (SELECT 1 FROM tasks WHERE job = :job AND kind = lanes.kind"
    f" AND encoder = lanes.encoder AND {_READY} AND job IN ({_ACTIVE})) ORDER BY kind, encoder"
)
STANDS = Statement(
    "SELECT mine.lane FROM turns AS mine JOIN turns AS his ON his.job = '' AND his.lane = mine.lane"
    " AND his.owner = mine.owner WHERE mine.job = :job AND mine.waits = 1 AND his.waits = 1"
)
NEXT_OWNERS = Statement(
    "SELECT owner, given FROM turns WHERE job = '' AND lane = :lane AND waits = 1"
    f" ORDER BY given, owner LIMIT {OWNERS}"
)
NEXT_JOBS = Statement(
    "SELECT owner, job, given FROM turns WHERE lane = :lane AND owner = :owner AND waits = 1 AND job <> ''"
    f" ORDER BY given, job LIMIT {JOBS}"
)
NEXT_TASKS = Statement(
    f"SELECT {_SUMMARY} FROM tasks /*M! FORCE INDEX (tasks_of_job) */ WHERE job = :job AND kind = :kind"
    f" AND encoder = :encoder AND {_READY} AND job IN ({_ACTIVE}) ORDER BY number LIMIT :look"
)
QUEUE = Statement("UPDATE tasks SET state = 'queued', queued_at = :now WHERE id IN :tasks AND state = 'planned'")
GIVEN = Statement("UPDATE turns SET given = :given WHERE job = :job AND lane = :lane AND owner = :owner")
EMPTY = Statement("UPDATE turns SET waits = 0 WHERE job = :job AND lane = :lane AND owner = :owner")
LEAVE = Statement(
    "UPDATE turns SET waits = 0 WHERE job = '' AND lane = :lane AND owner = :owner AND NOT EXISTS"
    " (SELECT 1 FROM turns AS his WHERE his.lane = :lane AND his.owner = :owner AND his.waits = 1"
    " AND his.job <> '')"
)


@dataclass(frozen=True)
class Offer:
    """What is offered, and which jobs had none."""

    tasks: Sequence[Task]
    emptied: Sequence[order.Line]


class Turns:
    """The part of the ledger that says what comes next."""

    _database: Database
    _now: Callable[[], float]

    async def line_up(self, job: str, owner: str, priority: str) -> list[Lane]:
        now = self._now()
        lanes, new, old = await self._database.read(lambda db: wanted(db, job, priority, now))

        def stand_in_line(db: Connection) -> None:
            for lane in new:
                stand(db, job, owner, lane.name)
            change(db, turns, {"waits": 0}, turns.c.job == job, turns.c.lane.in_(old))

        if new or old:
            await self._database.write_again(stand_in_line)
        return lanes

    async def top_up(self, lane: Lane, room: int) -> list[Task]:
        made: list[Task] = []
        for _ in range(_LOOKS):
            found = await self._offered(lane, room - len(made))
            made += found.tasks
            for line in found.emptied:  # it may have got some just before it was seen to have none
                await self.line_up(line.job, line.owner, lane.priority)
            if len(made) >= room or not (found.tasks or found.emptied):
                break
        return made

    async def _offered(self, lane: Lane, room: int) -> Offer:
        def decide(db: Connection, answers: Sequence[Answer]) -> tuple[Offer, Script]:
            owners = {str(row["owner"]): float(row["given"]) for row in answers[0].rows}
            return offer(db, lane, owners, room, self._now()) if owners else (Offer((), ()), [COMMIT])

        return await self._database.exchange("top_up", [(NEXT_OWNERS, {"lane": lane.name})], decide)


def wanted(db: Connection, job: str, priority: str, now: float) -> tuple[list[Lane], list[Lane], list[str]]:
    """The lanes in which a job has tasks to offer, those of them in which it does not wait yet, and the names of
    those in which it waits still, though it has another priority now."""
    found, waits = run(db, [(LANES, {"job": job, "now": now}), (STANDS, {"job": job})])
    lanes = [Lane(TaskKind(row["kind"]), row["encoder"], priority) for row in found.rows]
    standing = {row["lane"] for row in waits.rows}
    old = [name for name in standing if Lane.of(name).priority != priority]
    return lanes, [lane for lane in lanes if lane.name not in standing], old


def stand(db: Connection, job: str, owner: str, lane: str) -> None:
    """The job waits in a lane from now on, as if it had been given as much as those who got least of late."""
    waiting = (turns.c.lane == lane, turns.c.waits == 1)
    for who, others in (
        ("", (turns.c.job == "",)),
        (job, (turns.c.owner == owner, turns.c.job != "")),
    ):
        least = db.execute(select(func.min(turns.c.given)).where(*waiting, *others)).scalar() or 0.0
        mine = (turns.c.job == who, turns.c.lane == lane, turns.c.owner == owner)
        known = db.execute(select(turns.c.given).where(*mine)).scalar()
        if known is None:
            db.execute(insert(turns).values(job=who, lane=lane, owner=owner, waits=1, given=least))
        else:
            change(db, turns, {"waits": 1, "given": max(known, least)}, *mine)


def charge(db: Connection, job: str, kind: TaskKind, encoder: str, cost: float) -> None:
    """The job and its owner were given tasks of a lane, though it was not their turn."""
    for row in fetch(db, select(turns.c.lane, turns.c.owner).where(turns.c.job == job)):
        lane = Lane.of(row["lane"])
        if (lane.kind, lane.encoder) == (kind, encoder):
            where = (turns.c.lane == row["lane"], turns.c.owner == row["owner"])
            for who in ("", job):
                change(db, turns, {"given": turns.c.given + cost}, turns.c.job == who, *where)


def offer(db: Connection, lane: Lane, owners: Mapping[str, float], room: int, now: float) -> tuple[Offer, Script]:
    """Tasks become queued, by turns. None at all: nobody has any, or those that come next have just left."""
    waiting = _jobs(db, lane, owners)
    look = max(order.LOOK, min(room, 256) // max(1, len(waiting)))
    found = _tasks(db, lane, waiting, look, now)
    lines = [
        _line(row, each, look, _bound(row["owner"], waiting)) for row, each in zip(waiting, found, strict=True)
    ]
    chosen = order.fair(owners, lines, room, max(owners.values()) if len(owners) == OWNERS else math.inf)
    these = {"tasks": list(chosen.tasks), "now": now}
    if chosen.tasks and run(db, [(QUEUE, these)])[0].count < len(chosen.tasks):
        raise Missed
    known = {row["id"]: row for each in found for row in each}
    emptied = [line for line in lines if not line.tasks]
    gone = owners.keys() - {line.owner for line in lines if line.tasks}
    closing = [
        *_given(lane, lines, chosen),
        *((EMPTY, _row(lane, line.owner, line.job)) for line in emptied),
        *((LEAVE, _row(lane, owner)) for owner in gone),
        COMMIT,
    ]
    return Offer([rows.task_of(known[task]) for task in chosen.tasks], emptied), closing


def _jobs(db: Connection, lane: Lane, owners: Mapping[str, float]) -> list[Any]:
    answers = run(db, [(NEXT_JOBS, {"lane": lane.name, "owner": owner}) for owner in owners])
    return [row for answer in answers for row in answer.rows]


def _tasks(db: Connection, lane: Lane, waiting: Sequence[Any], look: int, now: float) -> list[Sequence[Any]]:
    """The first tasks of each job, one more than are looked at."""
    values = {"kind": lane.kind.value, "encoder": lane.encoder, "now": now, "look": look + 1}
    asked = [(NEXT_TASKS, {**values, "job": row["job"]}) for row in waiting]
    return [answer.rows for answer in run(db, asked)] if asked else []


def _bound(owner: str, waiting: Sequence[Any]) -> float:
    """What those jobs of an owner were given at least that were not looked at."""
    his = [float(row["given"]) for row in waiting if row["owner"] == owner]
    return max(his) if len(his) == JOBS else math.inf


def _line(row: Any, found: Sequence[Any], look: int, bound: float) -> order.Line:
    first = tuple(order.Waiting(task["id"], task["number"], task["cost"]) for task in found[:look])
    return order.Line(row["owner"], row["job"], row["given"], first, more=len(found) > look, bound=bound)


def _given(lane: Lane, lines: Sequence[order.Line], chosen: order.Turns) -> Script:
    """How much each was given by now."""
    served = [line for line in lines if chosen.jobs[line.job] > line.at]
    of_jobs = [({**_row(lane, line.owner, line.job), "given": chosen.jobs[line.job]}) for line in served]
    of_owners = [
        {**_row(lane, owner), "given": chosen.owners[owner]} for owner in sorted({line.owner for line in served})
    ]
    return [(GIVEN, values) for values in (*of_owners, *of_jobs)]


def _row(lane: Lane, owner: str, job: str = "") -> dict[str, Any]:
    return {"lane": lane.name, "owner": owner, "job": job}
