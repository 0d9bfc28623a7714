"""What the model ledger keeps: jobs, their tasks, and the attempts at them."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

from fallow.model import Chunk, Part, TaskKind, TaskState
from fallow.records import Job, Task, TaskSpec

Lanes = dict[tuple[TaskKind, str], list[tuple[int, str]]]


@dataclasses.dataclass(slots=True)
class Row:
    """A task."""

    id: str
    spec: TaskSpec
    state: TaskState = TaskState.PLANNED
    attempt: int = 0
    worker: str = ""
    lease: str = ""
    until: float = 0.0
    deadline: float = 0.0
    done_frames: int = 0
    fps: float = 0.0
    part: Part | None = None
    error: str = ""
    retry_at: float = 0.0
    queued_at: float = 0.0
    tried: bool = False

    @property
    def task(self) -> Task:
        lease = (self.worker, self.lease, self.until, self.done_frames, self.fps)
        return Task(self.id, self.spec, self.state, self.attempt, *lease, self.part, self.error, self.queued_at)


@dataclasses.dataclass(slots=True)
class Try:
    """An attempt."""

    row: Row
    worker: str
    number: int
    started: float
    ended: float | None = None
    outcome: str = ""
    wall_seconds: float = 0.0


@dataclasses.dataclass(slots=True)
class Book:
    """A job with all that belongs to it."""

    job: Job
    rows: dict[str, Row] = dataclasses.field(default_factory=dict)
    chunks: dict[int, Chunk] = dataclasses.field(default_factory=dict)
    counts: Counter[tuple[TaskKind, str, TaskState]] = dataclasses.field(default_factory=Counter)
    costs: defaultdict[tuple[TaskKind, str, TaskState], float] = dataclasses.field(
        default_factory=lambda: defaultdict(float)
    )
    delivered: list[Try] = dataclasses.field(default_factory=list)
    planned: Lanes = dataclasses.field(default_factory=lambda: defaultdict(list))  # by number

    def count(self, kinds: Sequence[TaskKind], states: Sequence[TaskState], rendition: str | None = None) -> int:
        return sum(
            count
            for (kind, name, state), count in self.counts.items()
            if kind in kinds and state in states and rendition in (None, name)
        )
