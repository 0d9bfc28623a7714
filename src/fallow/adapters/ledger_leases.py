"""What the ledger is asked for every task: leases, renewals, deliveries. As few exchanges as will do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, update

from fallow.adapters import ledger_rows as rows
from fallow.adapters import ledger_statements as sql
from fallow.adapters.ledger_batches import Handing, Taking, hand_in, look_up, take
from fallow.adapters.ledger_database import ROLLBACK, Database
from fallow.adapters.ledger_script import Answer, Script
from fallow.adapters.ledger_tables import workers
from fallow.adapters.ledger_together import Together
from fallow.errors import BrokenPart, Conflict, NotFound
from fallow.model import Effort, JobState, Part
from fallow.records import Attempt, Outcome, Pulse, Task

_OPEN = ("planned", "queued", "leased")  # states in which a delivery is the first


class Leases:
    """The part of the ledger that is asked most."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._taking = Together(self._lease)
        self._handing = Together(self._commit)
        self._holding = Together(self._held)
        self._feeling = Together(self._pulse)
        self._ending = Together(self._is_last)
        self._seeing = Together(self._saw_worker)

    async def lease(self, task: str, lease: str, worker: str, until: float, deadline: float) -> Task | None:
        return await self._taking(Taking(task, lease, worker, until, deadline))

    async def renew(self, lease: str, until: float, frames: int, fps: float) -> bool:
        values = {"lease": lease, "until": until, "frames": frames, "fps": fps, "now": self._now()}
        (hit,) = await self._database.send("renew", sql.RENEW, values)
        return hit.count > 0

    async def held(self, lease: str) -> tuple[Attempt, Task]:
        return await self._holding(lease)

    async def commit(self, lease: str, part: Part, effort: Effort) -> bool:
        return await self._handing(Handing(lease, part, effort))

    async def pulse(self, task: Task, few: int) -> Pulse:
        return await self._feeling((task.spec.job, task.spec.kind.value, task.spec.rendition, few))

    async def is_last(self, job: str) -> bool:
        return await self._ending(job)

    async def saw_worker(self, worker: str) -> None:
        await self._seeing(worker)

    # one by one, or many at once

    async def _lease(self, items: Sequence[Taking]) -> Sequence[Task | None]:
        if len(items) > 1:
            return await self._database.write(lambda db: take(db, items, self._now()))
        *_, taken, _ = await self._database.send("lease", sql.LEASE, {**vars(items[0]), "now": self._now()})
        return [rows.task_of(taken.rows[0]) if taken.rows else None]

    async def _held(self, leases: Sequence[str]) -> Sequence[tuple[Attempt, Task] | Exception]:
        if len(leases) > 1:
            return await self._database.read(lambda db: look_up(db, leases))
        attempt, task = await self._database.ask(sql.HELD, {"lease": leases[0]})
        if not attempt.rows:
            return [NotFound("There is no such lease.")]
        return [(rows.attempt_of(attempt.rows[0]), rows.task_of(task.rows[0]))]

    async def _commit(self, items: Sequence[Handing]) -> Sequence[bool | Exception]:
        if len(items) > 1:
            return await self._database.write(lambda db: hand_in(db, items, self._now()))
        return [await self._commit_one(items[0].lease, items[0].part, items[0].effort)]

    async def _commit_one(self, lease: str, part: Part, effort: Effort) -> bool:
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

    async def _pulse(self, asked: Sequence[tuple[str, str, str, int]]) -> Sequence[Pulse]:
        names = ("job", "kind", "rendition", "few")

        def feel(db: Connection, of: tuple[str, str, str, int]) -> Pulse:
            (answer,) = sql.PULSE(db, **dict(zip(names, of, strict=True)), now=self._now())
            return Pulse(bool(answer.rows[0]["unfinished"]), bool(answer.rows[0]["hungry"]))

        found = await self._database.read(lambda db: {of: feel(db, of) for of in set(asked)})
        return [found[of] for of in asked]

    async def _is_last(self, jobs: Sequence[str]) -> Sequence[bool]:
        def look(db: Connection, job: str) -> bool:
            (answer,) = sql.LAST(db, job=job)
            return bool(answer.rows[0]["last"])

        found = await self._database.read(lambda db: {job: look(db, job) for job in set(jobs)})
        return [found[job] for job in jobs]

    async def _saw_worker(self, ids: Sequence[str]) -> Sequence[None]:
        now = self._now()
        await self._database.write_again(
            lambda db: db.execute(update(workers).where(workers.c.id.in_(ids)).values(seen=now))
        )
        return [None] * len(ids)


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
