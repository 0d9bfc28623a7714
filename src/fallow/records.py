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
    number: int  # chunk number of video, Track.number of audio and text, 0 of split and join
    recipe: dict[str, Any]  # wire form of the kind's recipe; {} for split and join
    get_key: str = ""
    get_bytes: int = 0
    get_sha256: str = ""
    frames: int = 0  # the part must have exactly these many; 0: any
    cost: float = 0.0  # expected work in source seconds x output megapixels, for longest-first
    encoder: str = ""  # FFmpeg's name of the encoder that a worker must have; "": any worker will do


@dataclass(frozen=True)
class Lane:
    """Tasks that the same workers can do, and that are equally urgent: they wait in a queue of their own."""

    kind: TaskKind
    encoder: str  # "": any worker will do
    priority: str

    @property
    def name(self) -> str:
        """The queue's."""
        return ".".join(part for part in (self.kind.value, self.encoder, self.priority) if part)

    @staticmethod
    def of(queue: str) -> Lane:
        """The lane of a queue's name."""
        kind, *encoder, priority = queue.split(".")
        return Lane(TaskKind(kind), "".join(encoder), priority)


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
    owner: str = ""  # who gets a fair share together with all other jobs of the same; "": this machine's user
    paused: bool = False  # nothing of it is leased


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


@dataclass(frozen=True)
class Running:
    """A lease of a task, and how far it is."""

    task: str
    lease: str
    worker: str
    work: float  # the task's cost
    frames: int  # that the part will have; 0: unknown
    done: int  # of them, by the last renewal
    fps: float  # of late, by the last renewal
    began: float
    until: float  # the lease runs out
    encoder: str = ""  # that the task needs
    second: Running | None = None  # the same task's second lease


@dataclass(frozen=True)
class Race:
    """How the last tasks of one kind of a job are doing: none of its tasks waits for a worker any more."""

    running: tuple[Running, ...]
    paces: dict[str, float]  # work per second of the workers that have delivered some
    work: float  # all the job's
    hedged: float = 0.0  # extra work that its hedges are expected to cost


@dataclass(frozen=True)
class Hedge:
    """A second lease of a task that is leased already."""

    task: str
    rival: str  # the task's lease
    lease: str
    worker: str
    until: float
    deadline: float
    extra: float  # work that is probably done in vain
    most: float  # of that, in the whole job
    instead: str = ""  # a second lease of the task that it takes the place of


class Outcome(enum.Enum):
    """How an attempt ended."""

    DELIVERED = "delivered"  # the first verified delivery of its task
    LATE = "late"  # another one was first
    FAILED = "failed"
    EXPIRED = "expired"  # not heard of until its lease ran out
    CANCELLED = "cancelled"  # stopped on purpose, or with the platform: not held against the task


UNTIL_WOKEN = 1e12
"""The time, long after all of ours, until which a task is put off that waits for `Ledger.wake`."""


@dataclass(frozen=True)
class Setback:
    """How a lease ended without a delivery, and when the task may be tried again."""

    error: str
    retry_at: float | None  # seconds since the epoch; None: never, the task is dead
    outcome: Outcome = Outcome.FAILED  # CANCELLED gives the attempt back to the task
    counted: int | None = None
    effort: Effort = field(default_factory=Effort)


class Freed(enum.Enum):
    """What became of a task when a lease of it was given up."""

    NOTHING = "nothing"  # the lease was over already
    TASK = "task"  # planned again, or dead
    RIVAL = "rival"  # another attempt at it goes on

    def __bool__(self) -> bool:
        """Whether the lease was given up by this."""
        return self is not Freed.NOTHING


@dataclass(frozen=True)
class File:
    """One file of a result that is made of many."""

    job: str
    name: str  # relative to the result's folder
    key: str  # of the object in the store
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Package:
    """One step in the making of a result of many files."""

    job: str
    number: int  # from 0: each is made once, in order
    chunks: int  # of the source that are in the result since
    made: dict[str, Any]  # what those who go on need to know of it
    texts: str = ""  # key of the object with what players are told since; "": nothing yet


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
    cost: float = 0.0  # expected work of all of them


@dataclass(frozen=True)
class Census:
    """How many there are: jobs in each state, tasks of each kind in each state."""

    jobs: dict[JobState, int]
    tasks: dict[tuple[TaskKind, TaskState], int]


@dataclass(frozen=True)
class Crowd:
    """How much there is to do for workers, and how many of their slots are at it."""

    waiting: int  # tasks planned or queued
    busy: int  # leases, where those of one worker at one chunk count once


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
