"""What the ledger knows of workers, of what they have done, and of people's profiles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from fallow.model import Standing, TaskKind, VideoTrack, Worker
from fallow.records import Outcome, Task


@dataclass(frozen=True)
class Doing:
    """What a worker is at."""

    worker: str
    job: str
    job_name: str
    task: str
    kind: TaskKind
    rendition: str
    number: int
    frames: int
    done_frames: int
    fps: float


@dataclass(frozen=True)
class Deeds:
    """What one worker's attempts came to that have ended."""

    worker: str
    delivered: int  # or late: its part was good
    failed: int
    frames: int  # of those delivered
    wall_seconds: float
    fps: float  # of late


@dataclass(frozen=True)
class Output:
    """What was delivered of one rendition in a stretch of time."""

    at: float  # when that begins
    job: str
    rendition: str
    frames: int
    bytes_out: int


@dataclass(frozen=True)
class Labour:
    """What machines of one kind have delivered of one rendition's pictures, and what that cost them."""

    machine: dict[str, Any]  # what tells the kind: system, arch, cores, device_class
    job: str
    rendition: str
    frames: int
    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Burning:
    """What one worker has delivered of a rendition's pictures, and the energy; meter "": nobody knows it."""

    worker: str
    job: str
    rendition: str
    meter: str
    frames: int
    joules: float


@dataclass(frozen=True)
class PerMinute:
    """Joules that a minute of video takes, and how these are known; None: they are not."""

    joules: float | None = None
    known_by: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Making:
    """What one worker has delivered of one rendition's pictures."""

    worker: str
    job: str
    rendition: str
    frames: int
    wall_seconds: float
    bytes_out: int


@dataclass(frozen=True)
class Ordered:
    """What a rendition was to be made of, and how."""

    job: str
    rendition: str
    profile: dict[str, Any]  # its wire form
    video: VideoTrack | None  # the source's


@dataclass(frozen=True)
class Failures:
    """Attempts that ended badly, and with the same words."""

    outcome: Outcome
    error: str
    count: int


@dataclass(frozen=True)
class Period:
    """Times from one on, before another."""

    since: float
    until: float


class Fleet(Protocol):
    """The part of the ledger that is about workers."""

    async def add_worker(self, worker: Worker, token_sha256: str) -> None:
        """A worker of a known id is replaced, but for its standing, its label, and when it came first."""
        ...

    async def saw_worker(self, worker: str) -> None: ...

    async def worker(self, worker: str) -> Worker:
        """Raises NotFound."""
        ...

    async def worker_of_token(self, token_sha256: str) -> Worker | None: ...
    async def workers(self) -> list[Worker]: ...
    async def helpers(self, since: float) -> int: ...  # remote workers that were seen since then

    async def label_worker(self, worker: str, label: str) -> bool:
        """False when there is none."""
        ...

    async def describe_worker(self, worker: str, machine: dict[str, Any]) -> bool:
        """More is known of its machine. False when there is none."""
        ...

    async def rank_worker(self, worker: str, standing: Standing) -> bool:
        """False when there is none."""
        ...

    async def pause_worker(self, worker: str, reason: str) -> bool:
        """It says why it may not work now; "": it may. False when there is none."""
        ...

    async def forget_worker(self, worker: str, before: float) -> bool:
        """Remove one that was not seen since then and has no lease; False when there is none such."""
        ...

    async def leases_at(self, home: str) -> list[Task]:
        """Leased tasks whose worker's id begins so: void once their process is gone."""
        ...

    async def doings(self) -> list[Doing]:
        """All that is being worked at, by anybody."""
        ...

    async def deeds(self, lately: float) -> list[Deeds]:
        """Of all workers; their speed by what they have delivered since `lately`."""
        ...


class Numbers(Protocol):
    """The part of the ledger that counts what was done, by attempts that ended in a period of time."""

    async def outputs(self, period: Period, step: float) -> list[Output]:
        """In stretches of so many seconds, the first of which begins with the period."""
        ...

    async def labours(self, period: Period) -> list[Labour]: ...

    async def burnings(self, period: Period) -> list[Burning]: ...

    async def hands(self, period: Period) -> list[str]:
        """The workers that have delivered something."""
        ...

    async def makings(self, limit: int) -> list[Making]:
        """Of so many attempts that ended last."""
        ...

    async def ordered(self, jobs: Collection[str]) -> list[Ordered]:
        """All renditions of these jobs, as far as they are there."""
        ...

    async def failures_by_words(self, period: Period) -> list[Failures]: ...


class SavedProfiles(Protocol):
    """The part of the ledger that keeps people's profiles, in their wire form."""

    async def saved_profiles(self, owner: str) -> list[dict[str, Any]]:
        """By name."""
        ...

    async def save_profile(self, owner: str, profile: dict[str, Any]) -> bool:
        """False when it takes the place of one of that name."""
        ...

    async def drop_profile(self, owner: str, name: str) -> bool:
        """False when there is none."""
        ...
