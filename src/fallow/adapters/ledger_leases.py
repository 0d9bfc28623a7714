"""What the ledger is asked for every task: leases, renewals, deliveries. As few exchanges as will do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from fallow.adapters import ledger_rows as rows
from fallow.adapters import ledger_statements as sql
from fallow.adapters.ledger_database import ROLLBACK, Database
from fallow.adapters.ledger_script import Answer, Script
from fallow.errors import BrokenPart, Conflict, NotFound
from fallow.model import Effort, JobState, Part
from fallow.records import Attempt, Outcome, Pulse, Task

_OPEN = ("planned", "queued", "leased")  # states in which a delivery is the first


class Leases:
    """The part of the ledger that is asked most."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now

    async def lease(self, task: str, lease: str, worker: str, until: float, deadline: float) -> Task | None:
        values = {"task": task, "lease": lease, "worker": worker, "until": until, "deadline": deadline}
        *_, taken, _ = await self._database.send("lease", sql.LEASE, {**values, "now": self._now()})
        return rows.task_of(taken.rows[0]) if taken.rows else None

    async def renew(self, lease: str, until: float, frames: int, fps: float) -> bool:
        values = {"lease": lease, "until": until, "frames": frames, "fps": fps, "now": self._now()}
        (hit,) = await self._database.send("renew", sql.RENEW, values)
        return hit.count > 0

    async def held(self, lease: str) -> tuple[Attempt, Task]:
        attempt, task = await self._database.ask(sql.HELD, {"lease": lease})
        if not attempt.rows:
            raise NotFound("There is no such lease.")
        return rows.attempt_of(attempt.rows[0]), rows.task_of(task.rows[0])

    async def commit(self, lease: str, part: Part, effort: Effort) -> bool:
        ours = {"lease": lease, "now": self._now(), **rows.effort_row(effort)}

        def decide(db: Connection, answers: list[Answer]) -> tuple[bool, Script, Mapping[str, Any]]:
            task, attempt, sisters = (answer.rows for answer in answers)
            if not attempt:
                raise NotFound("There is no such lease.")
            if JobState(attempt[0]["state"]).ended:
                raise Conflict(f"The job is {attempt[0]['state']}; what was made for it is not needed any more.")
            if attempt[0]["outcome"] == Outcome.DELIVERED.value:
                return False, ROLLBACK, {}
            _check_headers(db, lease, task[0], part, sisters)
            if task[0]["state"] not in _OPEN:
                return False, sql.LATE, {**ours, "outcome": Outcome.LATE.value}
            made = {"task": task[0]["id"], "part": rows.dumps(part), "headers": part.headers}
            return True, sql.FIRST, {**ours, **made, "outcome": Outcome.DELIVERED.value}

        return await self._database.exchange("commit", sql.DELIVERED, {"lease": lease}, decide)

    async def pulse(self, task: Task, few: int) -> Pulse:
        values = {"job": task.spec.job, "kind": task.spec.kind.value, "rendition": task.spec.rendition}
        (answer,) = await self._database.ask(sql.PULSE, {**values, "now": self._now(), "few": few})
        return Pulse(bool(answer.rows[0]["unfinished"]), bool(answer.rows[0]["hungry"]))

    async def is_last(self, job: str) -> bool:
        (answer,) = await self._database.ask(sql.LAST, {"job": job})
        return bool(answer.rows[0]["last"])


def _check_headers(
    db: Connection, lease: str, task: Mapping[str, Any], part: Part, sisters: Sequence[Mapping[str, Any]]
) -> None:
    """Parts of one rendition are joined into one stream, so their parameter sets must agree: with any of them, for
    those that are there agree already."""
    # Without any, two of them might come at once and each see none, for locks hold on one node only: so both write
    # to their job, and the later one waits or must begin again, and sees the other.
    if not sisters and task["kind"] == "video":
        _, found = sql.ALONE(db, job=task["job"], lease=lease)
        sisters = found.rows
    if sisters and sisters[0]["headers"] != part.headers:
        raise BrokenPart(
            f"The part of chunk {task['number']} has other codec parameters than that of chunk "
            f"{sisters[0]['number']}; they cannot be joined into one stream."
        )
