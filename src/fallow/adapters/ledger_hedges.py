"""Second leases of tasks that are leased already: the table `hedges` has those that run.

A task's row has its lease, `hedges` its rival: so nothing is asked of this table while there are none. When the
lease is given up, the rival takes its place. What is delivered is found by the attempts, whichever lease it is of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import COMMIT, ROLLBACK, Database
from fallow.adapters.ledger_script import Answer, Script, Statement, run
from fallow.adapters.ledger_statements import RENEW
from fallow.model import TaskKind
from fallow.records import Freed, Hedge, Outcome, Race, Running, Setback, Task

_JOBS = "SELECT id FROM jobs WHERE state IN ('uploading', 'splitting', 'encoding', 'joining')"
_RIVALS = "tasks.id = hedges.task AND tasks.lease = hedges.rival AND tasks.state = 'leased'"
_FOR_AGENTS = "kind IN ('audio', 'text', 'video')"

WAITS = Statement(
    "SELECT EXISTS (SELECT 1 FROM tasks WHERE job = :job AND state IN ('planned', 'queued')"
    f" AND {_FOR_AGENTS}) AS it_does"
)
RUNNING = Statement(
    "SELECT tasks.id, tasks.lease, tasks.worker, tasks.encoder, tasks.cost, tasks.frames, tasks.done_frames,"
    " tasks.fps, tasks.lease_until, attempts.started, hedges.lease AS second_lease, hedges.worker AS second_worker,"
    " hedges.done_frames AS second_done, hedges.fps AS second_fps, hedges.lease_until AS second_until,"
    " others.started AS second_started FROM tasks"
    " JOIN attempts ON attempts.lease = tasks.lease LEFT JOIN hedges ON hedges.task = tasks.id"
    " AND hedges.rival = tasks.lease AND hedges.lease_until >= :now"
    " LEFT JOIN attempts AS others ON others.lease = hedges.lease"
    " WHERE tasks.job = :job AND tasks.state = 'leased' AND tasks.kind = :kind ORDER BY tasks.id LIMIT 1000"
)
PACES = Statement(
    "SELECT attempts.worker, SUM(tasks.cost) AS work, SUM(attempts.wall_seconds) AS seconds FROM attempts"
    " JOIN tasks ON tasks.id = attempts.task WHERE attempts.job = :job AND attempts.outcome = 'delivered'"
    " AND attempts.wall_seconds > 0 AND tasks.kind = :kind GROUP BY attempts.worker"
)
WORK = Statement(
    "SELECT jobs.hedged, SUM(tasks.cost) AS work FROM jobs JOIN tasks ON tasks.job = jobs.id WHERE jobs.id = :job"
    f" AND tasks.{_FOR_AGENTS} GROUP BY jobs.hedged"
)

CLEAR = Statement(
    "DELETE FROM hedges WHERE task = :task AND (lease_until < :now OR rival <> :rival OR lease = :instead)"
)
BEGIN_HEDGE = Statement(
    "INSERT INTO hedges (lease, task, job, rival, worker, lease_until, deadline, done_frames, fps)"
    " SELECT :lease, id, job, lease, :worker, :until, :deadline, 0, 0 FROM tasks WHERE id = :task"
    f" AND lease = :rival AND state = 'leased' AND worker <> :worker AND job IN ({_JOBS} AND paused = 0)"
    " AND NOT EXISTS (SELECT 1 FROM hedges AS known WHERE known.task = :task)"
)
SPEND = Statement(
    "UPDATE jobs SET hedged = hedged + :extra WHERE id = (SELECT job FROM tasks WHERE id = :task)"
    " AND hedged + :extra <= :most"
)
ATTEMPT = Statement(
    "INSERT INTO attempts (lease, task, job, worker, number, started, outcome, error,"
    " wall_seconds, cpu_seconds, frames, bytes_in, bytes_out, encoder)"
    " SELECT :lease, id, job, :worker, attempt, :now, '', '', 0, 0, 0, 0, 0, '' FROM tasks WHERE id = :task"
)
REPLACED = Statement(
    "UPDATE attempts SET outcome = 'cancelled', ended = :now, error = 'Another rival was expected to be quicker.'"
    " WHERE lease = :instead AND ended IS NULL"
)
TASK = Statement("SELECT * FROM tasks WHERE id = :task")

RENEW_HEDGE = Statement(
    "UPDATE hedges SET lease_until = :until, done_frames = :frames, fps = :fps WHERE lease = :lease"
    f" AND deadline > :now AND EXISTS (SELECT 1 FROM tasks WHERE {_RIVALS} AND tasks.job IN ({_JOBS}))"
)

IS_ON = Statement("SELECT 1 AS found FROM attempts WHERE lease = :lease AND ended IS NULL")
LOOKS = 3

END = Statement("DELETE FROM hedges WHERE lease = :lease")
RIVAL = Statement(
    f"SELECT hedges.* FROM tasks JOIN hedges ON {_RIVALS} WHERE tasks.lease = :lease AND hedges.lease_until >= :now"
)
TAKES_OVER = Statement(
    "UPDATE tasks SET attempt = attempt + :counted, worker = :worker, lease = :hedge, lease_until = :until,"
    " deadline = :deadline, done_frames = :frames, fps = :fps, error = :error"
    " WHERE id = :task AND lease = :lease AND state = 'leased'"
)
NUMBER = Statement("UPDATE attempts SET number = number + :counted WHERE lease = :hedge")
ENDED = Statement(
    "UPDATE attempts SET outcome = :outcome, ended = :now, error = :error, counted = :refused,"
    " wall_seconds = :wall_seconds, cpu_seconds = :cpu_seconds, frames = :frames, bytes_in = :bytes_in,"
    " bytes_out = :bytes_out, encoder = :encoder, joules = :joules, meter = :meter"
    " WHERE lease = :lease AND ended IS NULL"
)

_MINE = "hedges.worker AS rival_worker, hedges.lease AS rival_lease, hedges.lease_until AS rival_until"
_SUMMARY = ", ".join(f"tasks.{column.name}" for column in rows.TASK_SUMMARY)
EXPIRED = Statement(
    f"SELECT {_SUMMARY}, {_MINE} FROM hedges JOIN tasks ON {_RIVALS} WHERE hedges.lease_until < :now"
)
AT = Statement(
    f"SELECT {_SUMMARY}, {_MINE} FROM hedges JOIN tasks ON {_RIVALS}"
    " WHERE SUBSTR(hedges.worker, 1, LENGTH(:home)) = :home"
)


class Hedges:
    """The part of the ledger that knows of second leases."""

    _database: Database
    _now: Callable[[], float]

    async def race(self, job: str, kind: TaskKind) -> Race | None:
        (waits,) = await self._database.ask([(WAITS, {"job": job})])
        if waits.rows[0]["it_does"]:
            return None
        of = {"job": job, "kind": kind.value, "now": self._now()}
        running, paces, work = await self._database.ask([(RUNNING, of), (PACES, of), (WORK, of)])
        return Race(
            tuple(map(_running, running.rows)),
            {row["worker"]: float(row["work"]) / float(row["seconds"]) for row in paces.rows},
            *(float(row[name]) for row in work.rows for name in ("work", "hedged")),
        )

    async def hedge(self, hedge: Hedge) -> Task | None:
        values = {**vars(hedge), "now": self._now()}

        def decide(db: Connection, answers: Sequence[Answer]) -> tuple[Task | None, Script]:
            if not answers[1].count or not run(db, [(SPEND, values)])[0].count:
                return None, [ROLLBACK]
            (found,) = run(db, [(TASK, values)])
            task = rows.task_of(found.rows[0])
            mine = dataclasses.replace(task, lease=hedge.lease, worker=hedge.worker, lease_until=hedge.until)
            return mine, [(ATTEMPT, values), (REPLACED, values), COMMIT]

        return await self._database.exchange("hedge", [(CLEAR, values), (BEGIN_HEDGE, values)], decide)

    async def _renew_either(self, values: Mapping[str, Any]) -> bool:
        """In this order: one that takes its rival's place meanwhile is found in either place. An attempt that is
        said to be on was missed in both, as a busy MariaDB was seen to do: it is looked for again."""
        script = [(RENEW_HEDGE, values), (RENEW, values), (IS_ON, values)]
        for _ in range(LOOKS):
            *hits, is_on = await self._database.send("renew_hedge", script)
            if any(hit.count for hit in hits):
                return True
            if not is_on.rows:
                return False
        return False

    async def _hedges(self, statement: Statement, **values: Any) -> list[Task]:
        (found,) = await self._database.ask([(statement, values)])
        return [
            rows.task_of(
                {
                    **row,
                    "worker": row["rival_worker"],
                    "lease": row["rival_lease"],
                    "lease_until": row["rival_until"],
                }
            )
            for row in found.rows
        ]


def _running(row: Mapping[str, Any]) -> Running:
    running = Running(
        task=row["id"],
        lease=row["lease"],
        worker=row["worker"],
        encoder=row["encoder"],
        work=row["cost"],
        frames=row["frames"],
        done=row["done_frames"],
        fps=row["fps"],
        began=row["started"],
        until=row["lease_until"],
    )
    return running if row["second_lease"] is None else dataclasses.replace(running, second=_second(running, row))


def _second(running: Running, row: Mapping[str, Any]) -> Running:
    return dataclasses.replace(
        running,
        lease=row["second_lease"],
        worker=row["second_worker"],
        done=row["second_done"],
        fps=row["second_fps"],
        began=row["second_started"],
        until=row["second_until"],
    )


def end_hedge(db: Connection, lease: str, setback: Setback, now: float) -> Freed:
    """Give up a second lease, if it is one."""
    (ended,) = run(db, [(END, {"lease": lease})])
    if not ended.count:
        return Freed.NOTHING
    (closed,) = run(db, [(ENDED, _ended(lease, setback, now))])
    return Freed.RIVAL if closed.count else Freed.NOTHING


def take_over(db: Connection, lease: str, setback: Setback, now: float) -> Freed:
    """Give up the lease of a task, if a second one can take its place."""
    (found,) = run(db, [(RIVAL, {"lease": lease, "now": now})])
    if not found.rows:
        return Freed.NOTHING
    rival = found.rows[0]
    values = {
        "task": rival["task"],
        "lease": lease,
        "hedge": rival["lease"],
        "worker": rival["worker"],
        "until": rival["lease_until"],
        "deadline": rival["deadline"],
        "frames": rival["done_frames"],
        "fps": rival["fps"],
        "error": setback.error,
        "counted": 0 if setback.outcome is Outcome.CANCELLED else 1,
    }
    if not run(db, [(TAKES_OVER, values)])[0].count:
        return Freed.NOTHING
    run(db, [(END, {"lease": rival["lease"]}), (NUMBER, values), (ENDED, _ended(lease, setback, now))])
    return Freed.RIVAL


def _ended(lease: str, setback: Setback, now: float) -> dict[str, Any]:
    how = {"outcome": setback.outcome.value, "error": setback.error, "refused": setback.counted}
    return {"lease": lease, "now": now, **how, **rows.effort_row(setback.effort)}
