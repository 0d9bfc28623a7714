"""What the ledger tells those who show jobs to people: many at once in few statements, and one in full."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fallow.model import Energy, JobKind, JobState, TaskKind
from fallow.records import Attempt, Job, Tally, Task


@dataclass(frozen=True)
class Wanted:
    """Which jobs are listed: the newest first, after those that were listed before."""

    limit: int = 100
    after: tuple[float, str] | None = None  # when the last one was created, and its id
    states: tuple[JobState, ...] = ()  # none: all
    text: str = ""  # in the name or the id
    owner: str | None = None  # None: everybody's
    kind: JobKind | None = None  # None: all


@dataclass(frozen=True)
class Cost:
    """What a job has cost its workers so far."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    energy: Energy = field(default_factory=Energy)  # of what workers did


@dataclass(frozen=True)
class Pace:
    """What was delivered of a job of late."""

    work: float  # the tasks' cost
    since: float  # when the first of those attempts began


@dataclass(frozen=True)
class Pulse:
    """What differs when anything has changed that the list of jobs shows."""

    owner: str
    beat: tuple[float, ...]


class Cell(NamedTuple):
    """A video task as the map shows it. There may be tens of thousands."""

    rendition: str
    number: int
    state: str
    failed: int  # 1 when its last attempt was
    worker: str
    done_frames: int
    frames: int


class Moves(NamedTuple):
    """What tells how a map has changed since it was looked at, all of one moment."""

    cells: list[Cell]  # at work, newly planned, or with an attempt that ended since, whose worker they name
    counts: dict[str, int]  # of all video tasks, by their states


class Span(NamedTuple):
    """An attempt as the timeline shows it."""

    worker: str
    kind: str
    rendition: str
    number: int
    started: float
    ended: float | None
    outcome: str


class Mishap(NamedTuple):
    """An attempt that failed."""

    task: str
    kind: str
    rendition: str
    number: int
    worker: str
    at: float
    outcome: str
    error: str


class Overview(Protocol):
    """The part of the ledger that people look at."""

    async def list_jobs(self, wanted: Wanted) -> list[Job]: ...

    async def jobs_named(self, jobs: Collection[str]) -> list[Job]:
        """Those of these that there are."""
        ...

    async def pulses(self) -> dict[str, Pulse]:
        """Of all jobs. What it takes does not grow with the tasks of ended ones."""
        ...

    async def tallies(self, jobs: Collection[str]) -> dict[str, list[Tally]]: ...

    async def costs(self, jobs: Collection[str]) -> dict[str, Cost]: ...

    async def paces(self, since: float) -> dict[str, Pace]:
        """Of the jobs of which something was delivered since then."""
        ...

    async def cells(self, job: str) -> list[Cell]:
        """All video tasks."""
        ...

    async def moves(self, job: str, since: float, renditions: Collection[str], last: int) -> Moves:
        """Of the video tasks that are queued, leased or dead; of which an attempt has ended since; of these
        renditions, with higher numbers than the last one. Other moves are seen by the counts alone."""
        ...

    async def crew(self, job: str) -> list[str]:
        """Ids of the workers that made attempts at a job's tasks, by their first ones."""
        ...

    async def names(self, workers: Collection[str]) -> dict[str, str]:
        """What people call these workers."""
        ...

    async def history(self, job: str, kind: TaskKind, rendition: str, number: int) -> tuple[Task, list[Attempt]]:
        """A task, without its recipe, and the attempts at it, oldest first. Raises NotFound."""
        ...

    async def spans(self, job: str) -> list[Span]:
        """All attempts, oldest first."""
        ...

    async def mishaps(self, job: str, limit: int) -> Sequence[Mishap]:
        """The attempts that failed, newest first."""
        ...
