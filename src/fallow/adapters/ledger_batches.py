"""What many workers ask of the ledger at once: leases, and those that end with a delivery, in one transaction.

Each of these functions answers its items one by one, as if each had come alone, in their order. How many statements
they run does not depend on how many items there are.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Update, bindparam, case, func, insert, select, update

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import fetch
from fallow.adapters.ledger_guards import Headers
from fallow.adapters.ledger_script import Missed
from fallow.adapters.ledger_tables import attempts, jobs, tasks
from fallow.errors import BrokenPart, Conflict, NotFound
from fallow.model import Effort, JobState, Part, TaskState
from fallow.records import Attempt, Outcome, Task

_ENDED = [state.value for state in JobState if state.ended]
_BEFORE_DONE = [state.value for state in TaskState if TaskState.DONE in state.moves]


@dataclass(frozen=True)
class Taking:
    """A worker wants a task."""

    task: str
    lease: str
    worker: str
    until: float
    deadline: float


@dataclass(frozen=True)
class Handing:
    """A worker has delivered."""

    lease: str
    part: Part
    effort: Effort


def take(db: Connection, items: Sequence[Taking], now: float) -> list[Task | None]:
    """Give queued tasks to workers; None for each that is no longer to be had."""
    wanted = [{"lease": i.lease, "worker": i.worker, "until": i.until, "deadline": i.deadline} for i in items]
    db.execute(_taking(_size(items)), _numbered([{"id": i.task, **w} for i, w in zip(items, wanted, strict=True)]))
    found = fetch(db, select(tasks).where(tasks.c.id.in_([item.task for item in items])))
    taken = {row["lease"]: rows.task_of(row) for row in found if row["lease"]}
    won = [taken.get(item.lease) for item in items]
    begun = [_attempt(task, now) for task in won if task]
    if begun:
        db.execute(insert(attempts), begun)
    return won


def look_up(db: Connection, leases: Sequence[str]) -> list[tuple[Attempt, Task] | Exception]:
    """The attempts of leases, and their tasks."""
    held = {row["lease"]: rows.attempt_of(row) for row in fetch(db, select(attempts).where(_among(leases)))}
    wanted = {attempt.task for attempt in held.values()}
    found = fetch(db, select(tasks).where(tasks.c.id.in_(list(wanted))))
    known = {task.id: task for task in map(rows.task_of, found)}
    pairs = {lease: (attempt, known[attempt.task]) for lease, attempt in held.items() if attempt.task in known}
    return [pairs.get(lease) or NotFound("There is no such lease.") for lease in leases]


def hand_in(db: Connection, items: Sequence[Handing], now: float) -> list[bool | Exception]:
    """Accept verified deliveries; True for the first of each task."""
    known = _known(db, [item.lease for item in items])
    headers = Headers(db)
    answers = [_answer(item, known.get(item.lease), headers) for item in items]
    firsts: dict[str, Handing] = {}  # by task
    for item, answer in zip(items, answers, strict=True):
        if answer is None:
            firsts.setdefault(known[item.lease]["id"], item)
    won = _finish(db, firsts, now) if firsts else {}
    ended = [item for item, answer in zip(items, answers, strict=True) if answer is None]
    if ended:
        _close(db, ended, won, now)
    # The same delivery may come twice at once, too: the first of them counts.
    return [
        won.get(item.lease) is item if answer is None else answer
        for item, answer in zip(items, answers, strict=True)
    ]


def _among(leases: Sequence[str]) -> ColumnElement[bool]:
    return attempts.c.lease.in_(leases)


def _attempt(task: Task, now: float) -> dict[str, Any]:
    row = {"lease": task.lease, "task": task.id, "job": task.spec.job, "worker": task.worker}
    return {**row, "number": task.attempt, "started": now}


def _known(db: Connection, leases: Sequence[str]) -> dict[str, RowMapping]:
    """What there is to know of leases: their task, its job's state, how they ended."""
    columns = (attempts.c.lease, attempts.c.outcome, tasks.c.id, tasks.c.job, tasks.c.kind, tasks.c.rendition)
    query = select(*columns, tasks.c.number, jobs.c.state.label("job_state"))
    query = query.join_from(attempts, tasks, attempts.c.task == tasks.c.id).join(jobs, tasks.c.job == jobs.c.id)
    return {row["lease"]: row for row in fetch(db, query.where(_among(leases)))}


def _answer(item: Handing, known: RowMapping | None, headers: Headers) -> bool | Exception | None:
    """What can be answered without a look at the task; None: its lease ends now."""
    if known is None:
        return NotFound("There is no such lease.")
    if known["job_state"] in _ENDED:
        return Conflict(f"The job is {known['job_state']}; what was made for it is not needed any more.")
    if known["outcome"] == Outcome.DELIVERED.value:
        return False
    try:
        headers.check(known, item.part)
    except BrokenPart as error:
        return error
    return None


def _finish(db: Connection, firsts: dict[str, Handing], now: float) -> dict[str, Handing]:
    """Tasks become done with these deliveries; those that it was, by their leases."""
    # Locked: another gateway may be told the very same delivery at this moment, and only one of both is first. A
    # node of a cluster locks for itself alone, but then one of two transactions is taken back, and begun again.
    row = tasks.c
    open_ = select(row.id).where(row.id.in_(sorted(firsts)), row.state.in_(_BEFORE_DONE)).with_for_update()
    items = [(found["id"], firsts[found["id"]]) for found in fetch(db, open_)]
    if not items:
        return {}
    values = [{"id": id_, "part": rows.dumps(it.part), "headers": it.part.headers} for id_, it in items]
    if db.execute(_finishing(_size(items)), _numbered(values)).rowcount < len(items):
        raise Missed
    won = {item.lease: item for _, item in items}
    others = (attempts.c.task.in_([id_ for id_, _ in items]), attempts.c.lease.not_in(list(won)))
    cancelled = {"outcome": Outcome.CANCELLED.value, "ended": now}
    db.execute(update(attempts).where(*others, attempts.c.ended.is_(None)).values(cancelled))
    return won


def _close(db: Connection, items: Sequence[Handing], won: Container[str], now: float) -> None:
    outcomes = (Outcome.DELIVERED if item.lease in won else Outcome.LATE for item in items)
    values = [
        {"id": item.lease, "outcome": outcome.value, **rows.effort_row(item.effort)}
        for item, outcome in zip(items, outcomes, strict=True)
    ]
    db.execute(_closing(_size(items)), {**_numbered(values), "now": now})


# Statements for many rows, with a value of its own for each, are long, and making one takes longer than running it:
# so each is made once for some sizes, and one that is too long has its last row twice.


def _size(items: Sequence[Any]) -> int:
    return 1 << (len(items) - 1).bit_length()


def _numbered(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    padded = [*values, *[values[-1]] * (_size(values) - len(values))]
    return {f"own_{name}_{n}": value for n, row in enumerate(padded) for name, value in row.items()}


def _ids(size: int) -> list[Any]:
    return [bindparam(f"own_id_{n}", type_=tasks.c.id.type) for n in range(size)]


def _each(key: ColumnElement[str], ids: Sequence[Any], name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value of this name that goes with a row."""
    values = (bindparam(f"own_{name}_{n}", type_=column.type) for n in range(len(ids)))
    return case(*((key == one, value) for one, value in zip(ids, values, strict=True)), else_=column)


@functools.cache
def _taking(size: int) -> Update:
    ids, row = _ids(size), tasks.c
    own = {"lease": row.lease, "worker": row.worker, "until": row.lease_until, "deadline": row.deadline}
    values = {column: _each(row.id, ids, name, column) for name, column in own.items()}
    state, attempt = TaskState.LEASED.value, row.attempt + 1
    runs = row.job.in_(select(jobs.c.id).where(jobs.c.state.not_in(_ENDED)))
    given = {row.state: state, row.done_frames: 0, row.fps: 0.0, row.attempt: attempt, **values}
    return update(tasks).where(row.id.in_(ids), row.state == TaskState.QUEUED.value, runs).values(given)


@functools.cache
def _finishing(size: int) -> Update:
    ids, row = _ids(size), tasks.c
    own = {"part": _each(row.id, ids, "part", row.part), "headers": _each(row.id, ids, "headers", row.headers)}
    lease = {"worker": "", "lease": "", "lease_until": 0.0, "deadline": 0.0, "done_frames": 0, "fps": 0.0}
    values = {"state": TaskState.DONE.value, **lease, **own, "error": ""}
    return update(tasks).where(row.id.in_(ids), row.state.in_(_BEFORE_DONE)).values(values)


@functools.cache
def _closing(size: int) -> Update:
    ids, row = _ids(size), attempts.c
    own = (row.outcome, row.wall_seconds, row.cpu_seconds, row.frames, row.bytes_in, row.bytes_out, row.encoder)
    values = {column.name: _each(row.lease, ids, column.name, column) for column in own}
    ended = func.coalesce(row.ended, bindparam("now", type_=row.ended.type))
    # The same delivery may have come twice at once: the first stays what it is.
    mine = (row.lease.in_(ids), row.outcome != Outcome.DELIVERED.value)
    return update(attempts).where(*mine).values(**values, ended=ended, error="")
