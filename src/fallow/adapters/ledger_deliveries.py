"""Deliveries that are handed in together: each is answered as if it had come alone, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from fallow.adapters import ledger_rows as rows
from fallow.adapters import ledger_script
from fallow.adapters import ledger_statements as sql
from fallow.adapters.ledger_database import COMMIT, ROLLBACK
from fallow.adapters.ledger_script import Answer, Script
from fallow.errors import Conflict, Misfit, NotFound
from fallow.model import Effort, JobState, Part, TaskKind, TaskState, piece_of
from fallow.records import Outcome

_BEFORE_DONE = {state.value for state in TaskState if TaskState.DONE in state.moves}
_Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Handing:
    """A worker has delivered."""

    lease: str
    part: Part
    effort: Effort


class Deliveries:
    """One transaction: what is there is read and locked, Python decides, what follows is written.

    Locked, as another gateway may be told the very same delivery at this moment, and only one of both is first. A
    node of a cluster locks for itself alone, but then one of two transactions is taken back, and begun again.
    """

    def __init__(self, items: Sequence[Handing], now: float) -> None:
        self._items = items
        self._now = now
        these = {"leases": [item.lease for item in items]}
        self.opening: Script = [(sql.DELIVERED, these), (sql.ENDS, these), (sql.SISTERS, these)]

    def decide(self, db: Connection, answers: list[Answer]) -> tuple[Sequence[bool | Exception], Script]:
        """True for the first delivery of each task."""
        tasks, ends, sisters = (answer.rows for answer in answers)
        headers = _Headers(db, self.opening[-1:], sisters)
        turn = _Turn({row["id"]: row for row in tasks}, {row["lease"]: row for row in ends}, headers)
        return [turn.answer(item) for item in self._items], self._closing(turn)

    def _closing(self, turn: _Turn) -> Script:
        if not turn.ended:
            return [ROLLBACK]
        now, firsts = {"now": self._now}, turn.firsts
        done = [
            (sql.DONE, {"task": task, "part": rows.dumps(item.part), "headers": item.part.headers})
            for task, item in sorted(firsts.items())
        ]
        over = [(sql.OVER, {"tasks": list(firsts), **now})] if firsts else []
        outcomes = [
            (sql.OUTCOME, {"lease": item.lease, "outcome": outcome.value, **rows.effort_row(item.effort), **now})
            for item, outcome in turn.ended.values()
        ]
        return [*done, *over, *outcomes, COMMIT]


class _Turn:
    """The deliveries of one transaction, one after the other."""

    def __init__(self, tasks: _Rows, ends: _Rows, headers: _Headers) -> None:
        self._tasks, self._ends, self._headers = tasks, ends, headers
        self.firsts: dict[str, Handing] = {}  # by task
        self.ended: dict[str, tuple[Handing, Outcome]] = {}  # by lease

    def answer(self, item: Handing) -> bool | Exception:
        end = self._ends.get(item.lease)
        if end is None:
            return NotFound("There is no such lease.")
        if JobState(end["state"]).ended:
            return Conflict(f"The job is {end['state']}; what was made for it is not needed any more.")
        # The same delivery may come twice at once, too.
        if end["outcome"] == Outcome.DELIVERED.value or item.lease in self.ended:
            return False
        task = self._tasks[end["task"]]
        if error := self._headers.misfit(task, item.part):
            return error
        first = task["state"] in _BEFORE_DONE and task["id"] not in self.firsts
        if first:
            self.firsts[task["id"]] = item
        self.ended[item.lease] = (item, Outcome.DELIVERED if first else Outcome.LATE)
        return first


class _Done(NamedTuple):
    """A task whose part is accepted."""

    number: int
    headers: str


class _Headers:
    """Parts of one rendition are joined into one stream, so their parameter sets must agree: with any of them, for
    those that are there agree already."""

    def __init__(self, db: Connection, again: Script, sisters: Sequence[Mapping[str, Any]]) -> None:
        self._db = db
        self._again = again  # asks for the sisters
        self._sisters: dict[str, _Done] = {}  # by task
        self._accepted: dict[tuple[str, str], list[_Done]] = {}  # in this transaction, by job and rendition
        self._note(sisters)

    def misfit(self, task: Mapping[str, Any], part: Part) -> Misfit | None:
        """Why the part does not fit to those that there are. If it does, it is one of them."""
        if task["kind"] != TaskKind.VIDEO.value:
            return None
        other = self._other(task)
        if other is not None and other.headers != part.headers:
            mine, its = piece_of(task["number"])[0], piece_of(other.number)[0]
            return Misfit(
                f"The part of chunk {mine} has other codec parameters than that of chunk {its}; "
                "they cannot be joined into one stream."
            )
        self._accepted[task["job"], task["rendition"]].append(_Done(task["number"], part.headers))
        return None

    def _other(self, task: Mapping[str, Any]) -> _Done | None:
        key = (task["job"], task["rendition"])
        if key not in self._accepted and task["id"] not in self._sisters:
            # Two that differ might come at once and each see none, for locks hold on one node only: both write to
            # their job, and the later one waits or must begin again, and sees the other.
            _, found = ledger_script.run(self._db, [(sql.ALONE, {"job": task["job"]}), *self._again])
            self._note(found.rows)
        accepted = self._accepted.setdefault(key, [])
        others = (one for one in accepted if one.number != task["number"])
        return self._sisters.get(task["id"]) or next(others, None)

    def _note(self, sisters: Sequence[Mapping[str, Any]]) -> None:
        self._sisters.update({row["task"]: _Done(row["number"], row["headers"]) for row in sisters})
