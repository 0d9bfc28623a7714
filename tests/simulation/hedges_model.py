"""Second leases of tasks, in plain Python objects: as the SQL ledger has them in its table `hedges`."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

from fallow.model import TaskKind, TaskState
from fallow.records import Hedge, Outcome, Race, Running, Setback

AGENTS = (TaskKind.AUDIO, TaskKind.TEXT, TaskKind.VIDEO)


@dataclasses.dataclass(slots=True)
class Second:
    """A second lease, while it runs."""

    row: Any
    rival: str
    lease: str
    worker: str
    until: float
    deadline: float
    done_frames: int = 0
    fps: float = 0.0

    @property
    def valid(self) -> bool:
        return bool(self.row.state is TaskState.LEASED and self.row.lease == self.rival)


class Seconds:
    """All that run, by task and by lease."""

    def __init__(self) -> None:
        self.by_task: dict[str, Second] = {}
        self.by_lease: dict[str, Second] = {}
        self.spent: dict[str, float] = defaultdict(float)

    def begin(self, row: Any, hedge: Hedge, now: float) -> bool:
        known = self.by_task.get(hedge.task)
        if known and (known.until < now or known.rival != hedge.rival or known.lease == hedge.instead):
            self.drop(known)
            known = None
        job = row.spec.job
        if known or row.state is not TaskState.LEASED or row.lease != hedge.rival or row.worker == hedge.worker:
            return False
        if self.spent[job] + hedge.extra > hedge.most:
            return False
        self.spent[job] += hedge.extra
        made = Second(row, hedge.rival, hedge.lease, hedge.worker, hedge.until, hedge.deadline)
        self.by_task[hedge.task] = self.by_lease[hedge.lease] = made
        return True

    def drop(self, second: Second) -> None:
        del self.by_lease[second.lease], self.by_task[second.row.id]

    def renew(self, lease: str, until: float, frames: int, fps: float, now: float) -> bool:
        second = self.by_lease.get(lease)
        if second is None or not second.valid or second.deadline <= now:
            return False
        second.until, second.done_frames, second.fps = until, frames, fps
        return True

    def taking_over(self, row: Any, setback: Setback, now: float) -> Second | None:
        """The one that takes the place of a task's lease, if there is one."""
        second = self.by_task.get(row.id)
        if second is None or not second.valid or second.until < now:
            return None
        self.drop(second)
        row.attempt += setback.outcome is not Outcome.CANCELLED
        row.worker, row.lease, row.until, row.deadline = second.worker, second.lease, second.until, second.deadline
        row.done_frames, row.fps, row.error = second.done_frames, second.fps, setback.error
        return second

    def expired(self, now: float) -> list[Any]:
        return [
            dataclasses.replace(one.row.task, worker=one.worker, lease=one.lease, lease_until=one.until)
            for one in self.by_task.values()
            if one.until < now and one.valid
        ]


def race(book: Any, kind: TaskKind, tries: Any, seconds: Seconds, now: float) -> Race | None:
    """As the ledger tells it."""
    if book.count(AGENTS, (TaskState.PLANNED, TaskState.QUEUED)):
        return None
    rows = [row for _, row in sorted(book.rows.items()) if row.spec.kind is kind]
    work: dict[str, float] = defaultdict(float)
    spent: dict[str, float] = defaultdict(float)
    for found in book.delivered:
        if found.row.spec.kind is kind and found.wall_seconds > 0:
            work[found.worker] += found.row.spec.cost
            spent[found.worker] += found.wall_seconds
    running = tuple(_running(row, tries, seconds, now) for row in rows if row.state is TaskState.LEASED)
    whole = sum(row.spec.cost for row in book.rows.values() if row.spec.kind in AGENTS)
    paces = {worker: work[worker] / spent[worker] for worker in work}
    return Race(running[:1000], paces, whole, seconds.spent[book.job.id])


def _running(row: Any, tries: Any, seconds: Seconds, now: float) -> Running:
    second = seconds.by_task.get(row.id)
    if second is not None and not (second.valid and second.until >= now):
        second = None
    return Running(
        row.id,
        row.lease,
        row.worker,
        row.spec.cost,
        row.spec.frames,
        row.done_frames,
        row.fps,
        tries[row.lease].started,
        row.until,
        row.spec.encoder,
        _second(row, second, tries) if second else None,
    )


def _second(row: Any, second: Second, tries: Any) -> Running:
    return Running(
        row.id,
        second.lease,
        second.worker,
        row.spec.cost,
        row.spec.frames,
        second.done_frames,
        second.fps,
        tries[second.lease].started,
        second.until,
        row.spec.encoder,
    )
