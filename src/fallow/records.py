"""What the ledger knows: jobs, renditions, tasks, and the attempts at them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from fallow.model import Effort, JobState, Part, Source, TaskKind, TaskState


@dataclass(frozen=True)
class TaskSpec:
    """A task to be planned; (job, kind, rendition, number) is its identity."""

    job: str
    kind: TaskKind
    rendition: str  # "" for split; the output track's name for audio and text
    number: int  # chunk number of video, track index of audio and text, 0 of split and join
    recipe: dict[str, Any]  # wire form of the kind's recipe; {} for split and join
    get_key: str = ""
    get_bytes: int = 0
    get_sha256: str = ""
    frames: int = 0  # the part must have exactly these many; 0: any
    cost: float = 0.0  # expected work in source seconds x output megapixels, for longest-first
    encoder: str = ""  # FFmpeg's name of the encoder that a worker must have; "": any worker will do


@dataclass(frozen=True)
class Task:
    """A task as the ledger knows it."""

    id: str
    spec: TaskSpec
    state: TaskState
    attempt: int  # attempts begun
    worker: str  # of the running lease, "" when none
    lease: str
    lease_until: float
    done_frames: int  # reported by the last renewal
    fps: float
    part: Part | None
    error: str  # of the last failed attempt
    queued_at: float = 0.0  # when it was offered last

    @property
    def ids(self) -> dict[str, Any]:
        """What every line of a log about this task, and the attempt at it, has."""
        return {"job": self.spec.job, "task": self.id, "lease": self.lease, "worker": self.worker}


@dataclass(frozen=True)
class Rendition:
    """One wanted output of a job."""

    job: str
    name: str  # the profile's
    profile: dict[str, Any]  # wire form of profiles.Profile
    result: Part | None = None
    facts: dict[str, Any] | None = None  # what was verified at the join: size, duration, bit rate, ...


@dataclass(frozen=True)
class Job:
    """A job as the ledger knows it."""

    id: str
    name: str  # the input's file name
    state: JobState
    created: float
    updated: float
    options: dict[str, Any]  # wire form of pipeline.submit.Options
    source_key: str
    source: Source | None
    renditions: tuple[Rendition, ...]
    error: str
    error_kind: str


@dataclass(frozen=True)
class Attempt:
    """One lease of one task, for statistics and for the person who asks what went wrong."""

    lease: str
    task: str
    worker: str
    number: int
    started: float
    ended: float | None
    outcome: str  # "" while it runs, then an Outcome's value
    error: str
    effort: Effort
    counted: int | None = None  # frames found in a part that was refused for their number


class Outcome(enum.Enum):
    """How an attempt ended."""

    DELIVERED = "delivered"  # the first verified delivery of its task
    LATE = "late"  # another one was first
    FAILED = "failed"
    EXPIRED = "expired"  # not heard of until its lease ran out
    CANCELLED = "cancelled"  # stopped on purpose, or with the platform: not held against the task


@dataclass(frozen=True)
class Setback:
    """How a lease ended without a delivery, and when the task may be tried again."""

    error: str
    retry_at: float | None  # seconds since the epoch; None: never, the task is dead
    outcome: Outcome = Outcome.FAILED  # CANCELLED gives the attempt back to the task
    counted: int | None = None
    effort: Effort = field(default_factory=Effort)


@dataclass(frozen=True)
class Tally:
    """How many tasks of one kind and rendition are in one state."""

    kind: TaskKind
    rendition: str
    state: TaskState
    tasks: int
    frames: int  # that they will have
    done_frames: int  # reported by the leased ones
    fps: float  # of the leased ones


@dataclass(frozen=True)
class Census:
    """How many there are: jobs in each state, tasks of each kind in each state."""

    jobs: dict[JobState, int]
    tasks: dict[tuple[TaskKind, TaskState], int]


@dataclass(frozen=True)
class Pulse:
    """How a job goes on after one of its tasks was done."""

    unfinished: bool  # some tasks of this kind and rendition are not done
    hungry: bool  # few tasks are queued, while others could be


@dataclass(frozen=True)
class Share:
    """What one worker's delivered attempts did for a job."""

    worker: str
    tasks: int
    frames: int
    wall_seconds: float
    cpu_seconds: float
    bytes_in: int
    bytes_out: int
