"""What the ledger is asked for every task: leases, renewals, deliveries. What comes together is answered so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fallow.adapters import ledger_rows as rows
from fallow.adapters import ledger_statements as sql
from fallow.adapters.ledger_database import BEGIN, COMMIT, Database
from fallow.adapters.ledger_deliveries import Deliveries, Handing
from fallow.adapters.ledger_hedges import Hedges
from fallow.adapters.ledger_script import Answer, Script
from fallow.adapters.ledger_together import Together
from fallow.errors import NotFound
from fallow.model import Effort, Part
from fallow.records import Attempt, Task

R = TypeVar("R")


@dataclass(frozen=True)
class _Taking:
    """A worker wants a task."""

    task: str
    lease: str
    worker: str
    until: float
    deadline: float


@dataclass(frozen=True)
class _Question(Generic[R]):
    """Something to be read, and how its answers are understood. Equal ones are asked once."""

    name: tuple[object, ...]
    script: Script
    understand: Callable[[Sequence[Answer]], R]


class Leases(Hedges):
    """The part of the ledger that is asked most."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._taking = Together(self._take)
        self._handing = Together(self._hand_in)
        self._asking = Together[_Question[Any], Any](self._ask)
        self._seeing = Together(self._saw_workers)

    async def lease(self, task: str, lease: str, worker: str, until: float, deadline: float) -> Task | None:
        return await self._taking(_Taking(task, lease, worker, until, deadline))

    async def renew(self, lease: str, until: float, frames: int, fps: float) -> bool:
        values = {"lease": lease, "until": until, "frames": frames, "fps": fps, "now": self._now()}
        (hit,) = await self._database.send("renew", [(sql.RENEW, values)])
        return hit.count > 0 or await self._renew_either(values)

    async def commit(self, lease: str, part: Part, effort: Effort) -> bool:
        return await self._handing(Handing(lease, part, effort))

    async def saw_worker(self, worker: str) -> None:
        await self._seeing(worker)

    async def held(self, lease: str) -> tuple[Attempt, Task]:
        script = [(sql.HELD, {"lease": lease}), (sql.TASK, {"lease": lease})]
        found: tuple[Attempt, Task] | None = await self._asking(_Question(("held", lease), script, _held))
        if found is None:
            raise NotFound("There is no such lease.")
        return found

    async def unfinished(self, task: Task) -> bool:
        of = {"job": task.spec.job, "kind": task.spec.kind.value, "rendition": task.spec.rendition}
        some: bool = await self._asking(_Question(("unfinished", *of.values()), [(sql.UNFINISHED, of)], _is))
        return some

    async def is_last(self, job: str) -> bool:
        last: bool = await self._asking(_Question(("last", job), [(sql.LAST, {"job": job})], _is))
        return last

    async def sisters(self, task: Task) -> list[Task]:
        spec = task.spec
        of = {"task": task.id, "job": spec.job, "kind": spec.kind.value, "number": spec.number, "now": self._now()}
        found: list[Task] = await self._asking(_Question(("sisters", task.id), [(sql.BESIDE, of)], _tasks))
        return found

    # many at once

    async def _take(self, items: Sequence[_Taking]) -> Sequence[Task | None]:
        # In the same order everywhere: nobody waits for who waits for them.
        taking = [(sql.TAKE, vars(item)) for item in sorted(items, key=lambda item: item.task)]
        these = {"tasks": [i.task for i in items], "leases": [i.lease for i in items], "now": self._now()}
        script = [BEGIN, *taking, (sql.ATTEMPT, these), (sql.TAKEN, these), COMMIT]
        *_, taken, _ = await self._database.send("lease", script)
        had = {row["lease"]: rows.task_of(row) for row in taken.rows}
        return [had.get(item.lease) for item in items]

    async def _hand_in(self, items: Sequence[Handing]) -> Sequence[bool | Exception]:
        deliveries = Deliveries(items, self._now())
        return await self._database.exchange("commit", deliveries.opening, deliveries.decide)

    async def _ask(self, questions: Sequence[_Question[Any]]) -> Sequence[Any]:
        asked = {question.name: question for question in questions}
        answers = iter(await self._database.ask([one for question in asked.values() for one in question.script]))
        known = {name: one.understand([next(answers) for _ in one.script]) for name, one in asked.items()}
        return [known[question.name] for question in questions]

    async def _saw_workers(self, workers: Sequence[str]) -> Sequence[None]:
        await self._database.send("saw_worker", [(sql.SEEN, {"workers": list(workers), "now": self._now()})])
        return [None] * len(workers)


def _held(answers: Sequence[Answer]) -> tuple[Attempt, Task] | None:
    attempt, task = answers
    return (rows.attempt_of(attempt.rows[0]), rows.task_of(task.rows[0])) if task.rows else None


def _tasks(answers: Sequence[Answer]) -> list[Task]:
    return [rows.task_of(row) for row in answers[0].rows]


def _is(answers: Sequence[Answer]) -> bool:
    return bool(answers[0].rows[0]["it_is"])
