"""The contracts of the outside world: Queue, Store, Ledger, Clock. Read this first.

Each has an embedded adapter and production ones in `adapters/`; one contract suite proves them all. Delivery of a
message is at least once, so the queue only wakes people up: what is true stands in the ledger, whose methods are
short transactions that are safe to repeat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fallow.amending import Amending
from fallow.fleet import Fleet, Numbers, SavedProfiles
from fallow.model import Chunk, Effort, JobState, Part, Source, TaskKind, Track
from fallow.overview import Overview
from fallow.people import People
from fallow.records import (
    Attempt,
    Census,
    Crowd,
    File,
    Freed,
    Hedge,
    Job,
    Lane,
    Package,
    Race,
    Setback,
    Share,
    Tally,
    Task,
    TaskSpec,
)
from fallow.webhooks import Webhooks


class Clock(Protocol):
    """Time, so that a test or a simulation can own it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Message:
    """One delivery of one message."""

    queue: str
    body: bytes
    tag: str  # names this delivery to ack and nack
    deliveries: int  # how often it has been delivered, this one included


DEAD = "dead"
"""The queue of messages that came back too often."""


class Queue(Protocol):
    """Named queues of small messages, delivered at least once, in no promised order."""

    async def publish(self, queue: str, body: bytes, delay: float = 0.0) -> None:
        """Returns once the message is safe; it becomes visible after `delay` seconds."""
        ...

    async def get(self, queues: Sequence[str], wait: float) -> Message | None:
        """The next message of any of the queues; None after `wait` seconds without one."""
        ...

    async def ack(self, message: Message) -> None:
        """The message is dealt with and never comes again."""
        ...

    async def nack(self, message: Message) -> None:
        """The message goes back; after too many deliveries it is moved to the queue `dead`."""
        ...

    def holds(self, message: Message) -> bool:
        """Whether this delivery is still ours: neither answered nor known to be lost with its connection."""
        ...

    async def depths(self, queues: Sequence[str]) -> dict[str, int]:
        """How many messages are ready in each; 0 for a queue that nobody has used yet. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Everything unacknowledged goes back."""
        ...


@dataclass(frozen=True)
class ObjectFacts:
    """What the store knows of an object."""

    key: str
    size: int  # bytes


class Writer(Protocol):
    """An object in the making. Nothing is visible before `commit`; `abort` leaves nothing behind."""

    async def write(self, data: bytes) -> None:
        """Append. Raises StorageFull."""
        ...

    async def commit(self, head: bytes = b"") -> ObjectFacts:
        """Make the object visible, at once and whole. `head` fills the bytes held back at the front."""
        ...

    async def abort(self) -> None: ...


@dataclass(frozen=True)
class GetLink:
    """Where an object is."""

    url: str
    detour: str = ""  # a longer way to the same, for who cannot use `url`; "": there is none


@dataclass(frozen=True)
class PutLink:
    """Where an upload may go."""

    url: str  # takes any length, which need not be told in advance
    whole_url: str = ""  # takes only what comes with its Content-Length, by a shorter way; "": there is none
    whole_headers: Mapping[str, str] = field(default_factory=dict)  # that `whole_url` wants to see


class Links(Protocol):
    """Makes URLs that allow one transfer of one object, to whoever holds them, until they expire."""

    async def get_link(self, key: str, seconds: float) -> GetLink: ...

    async def put_link(self, key: str, seconds: float, most: int) -> PutLink:
        """For an upload of at most `most` bytes."""
        ...


class Store(Protocol):
    """Objects under keys of [A-Za-z0-9._/-]. Whole objects appear atomically and are never changed."""

    async def writer(self, key: str, held: int = 0) -> Writer:
        """A new object whose first `held` bytes are supplied last, at commit (an MP4's index is)."""
        ...

    async def put(self, key: str, data: bytes) -> ObjectFacts: ...

    async def adopt(self, key: str, path: Path) -> ObjectFacts:
        """Store a local file, without copying its bytes where the store can."""
        ...

    async def export(self, key: str, path: Path) -> None:
        """Bring an object to a local file (atomically), without copying its bytes where possible."""
        ...

    async def stat(self, key: str) -> ObjectFacts | None: ...

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start`; fewer only at the end. Raises NotFound."""
        ...

    def stream(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        """The object's bytes from `start` in pieces of at most 1 MiB. Raises NotFound."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Missing keys are no error."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectFacts]: ...

    async def clear_leftovers(self) -> int:
        """Remove what writers have left that died long ago, and nothing of those at work; how many things."""
        ...

    async def close(self) -> None: ...


class Ledger(Overview, Amending, Fleet, Numbers, SavedProfiles, People, Webhooks, Protocol):
    """Jobs, chunks, tasks, leases, workers, statistics. Every method is one short transaction.

    Methods that return bool are conditional updates: exactly one caller ever sees True for the same move.
    """

    # jobs
    async def create_job(self, job: Job) -> bool:
        """False when a job of this id exists already."""
        ...

    async def job(self, job: str) -> Job:
        """Raises NotFound."""
        ...

    async def jobs(self, limit: int = 100, owner: str | None = None) -> list[Job]: ...  # newest first
    async def unfinished_jobs(self) -> list[str]: ...

    async def move_job(self, job: str, new: JobState, error: str = "", error_kind: str = "") -> bool:
        """Legal moves only (model.JobState.moves); False when the job is in no state that allows it."""
        ...

    async def saw_upload(self, job: str) -> bool:
        """The source of a job comes: it is no abandoned one. False when it waits for none."""
        ...

    async def set_source(self, job: str, source: Source) -> None: ...

    async def set_result(self, job: str, rendition: str, result: Part, facts: dict[str, Any]) -> bool:
        """True for the first result of a rendition."""
        ...

    async def add_package(self, package: Package, files: Sequence[File]) -> bool:
        """Record a step of a result of many files, with those that it added; False when its number is not next."""
        ...

    async def packages(self, job: str) -> list[Package]:
        """In order."""
        ...

    async def newest_package(self, job: str) -> Package | None: ...
    async def file(self, job: str, name: str) -> File | None:
        """A file of a job's result."""
        ...

    async def files(self, job: str) -> list[File]:
        """By name."""
        ...

    async def drop_renditions(self, job: str, names: Sequence[str]) -> None:
        """Renditions that the source turned out to be too small for. For no task of theirs is planned yet."""
        ...

    async def forget_job(self, job: str) -> None:
        """Remove an ended job and all that belongs to it."""
        ...

    # chunks, tracks and tasks
    async def add_chunk(self, chunk: Chunk, tasks: Sequence[TaskSpec]) -> bool:
        """Record a stored chunk with the tasks that wait for it; False when it was there already."""
        ...

    async def add_track(self, track: Track, tasks: Sequence[TaskSpec]) -> bool: ...

    async def replace(self, lost: Chunk | Track, made: Chunk | Track, tasks: Sequence[TaskSpec]) -> bool:
        """A lost object is stored anew: its tasks take that one. False when the record is not of the lost one."""
        ...

    async def discard(self, job: str, number: int) -> None:
        """Remove the chunks from a number on, with their tasks, attempts and leases; a result of them, too."""
        ...

    async def discard_sections(self, job: str) -> None: ...  # those of all tracks; and the result, as far as it is
    async def chunks(self, job: str) -> list[Chunk]: ...
    async def tracks(self, job: str) -> list[Track]: ...

    async def plan(self, tasks: Sequence[TaskSpec]) -> int:
        """Add the tasks that are not there yet, as planned; how many were new."""
        ...

    async def task(self, task: str) -> Task:
        """Raises NotFound."""
        ...

    async def tasks(self, job: str, kinds: Sequence[TaskKind] = ()) -> list[Task]:
        """All tasks of a job, or those of some kinds, by kind, rendition and number, without their recipes."""
        ...

    async def prefix(self, job: str, rendition: str, start: int, limit: int) -> list[tuple[Chunk, Task]]:
        """At most `limit` chunks from number `start` on, as far as all are done, with their tasks (no recipes); of
        a divided one its pieces, in order, which have its number."""
        ...

    async def pieces(self, job: str, rendition: str, number: int) -> tuple[Chunk, list[Task]] | None:
        """A chunk, and its tasks of a rendition in order, without their recipes: one, unless it is divided."""
        ...

    async def divide(self, task: Task, head: TaskSpec, rest: Sequence[TaskSpec]) -> bool:
        """A task that waits, and was never tried, becomes a smaller one, and the rest of it others. False when it
        is not as it was any more."""
        ...

    async def tally(self, job: str) -> list[Tally]: ...
    async def running(self, job: str) -> list[Task]:
        """The leased tasks of a job, without their recipes."""
        ...

    async def shares(self, job: str) -> list[Share]: ...

    async def line_up(self, job: str, owner: str, priority: str) -> list[Lane]:
        """The lanes in which a running job has planned tasks, their back-off over: from now on it waits there."""
        ...

    async def top_up(self, lane: Lane, room: int) -> list[Task]:
        """Move so many planned tasks in a lane to queued, by turns (pipeline/order.py); those, without recipes."""
        ...

    async def attempt(self, lease: str) -> Attempt:
        """Raises NotFound."""
        ...

    async def attempts(self, job: str) -> list[Attempt]:
        """Oldest first."""
        ...

    async def held(self, lease: str) -> tuple[Attempt, Task]:
        """The attempt of a lease, and its task, whoever has that now. Raises NotFound."""
        ...

    async def unfinished(self, task: Task) -> bool:
        """Whether some tasks of this one's kind and rendition are not done."""
        ...

    async def hasten(self, job: str, kind: TaskKind, rendition: str) -> bool:
        """A task that waits with no error until its time may be admitted at once; False when none does."""
        ...

    async def is_last(self, job: str) -> bool:
        """Whether no other job is unfinished, and every task that this one will ever have for workers is taken."""
        ...

    # leases
    async def lease(self, task: str, lease: str, worker: str, until: float, deadline: float) -> Task | None:
        """Give a queued task to a worker; None when it is no longer to be had. No renewal helps past `deadline`."""
        ...

    async def renew(self, lease: str, until: float, frames: int, fps: float) -> bool:
        """False when the lease is over: given up, past its deadline, task done elsewhere, job ended."""
        ...

    async def commit(self, lease: str, part: Part, effort: Effort) -> bool:
        """Accept a verified delivery; True for the first of the task, whatever became of its lease since.

        Raises NotFound for a lease that never was, Conflict when the job has ended, BrokenPart when the headers
        differ from those of a part that this rendition has already."""
        ...

    async def give_up(self, lease: str, setback: Setback) -> Freed:
        """End a lease undelivered: the task is planned from a time on, or dead, or its second lease takes over."""
        ...

    async def race(self, job: str, kind: TaskKind) -> Race | None:
        """The running attempts at a job's tasks of one kind; None while a task of the job waits for a worker."""
        ...

    async def hedge(self, hedge: Hedge) -> Task | None:
        """Give a task that is leased to another worker, too; None when it is not to be had, or the job's share of
        extra work is spent. It is no attempt of the task's until the first lease is given up."""
        ...

    async def wake(self, job: str, kind: TaskKind) -> bool:
        """The tasks of a job that are put off UNTIL_WOKEN may be offered; whether there were any."""
        ...

    async def waits(self, job: str) -> str:
        """What a task of the job that is put off UNTIL_WOKEN waits for; "" when there is none."""
        ...

    async def reopen(self, task: str, error: str) -> bool:
        """A done task's part is no good: plan it again."""
        ...

    async def revive(self, job: str) -> int:
        """Plan the dead tasks of a job again, with fresh attempts; how many."""
        ...

    async def sisters(self, task: Task) -> list[Task]:
        """Tasks that make other renditions of the same chunk and can be had, planned or queued; costliest first."""
        ...

    async def offer(self, tasks: Sequence[str]) -> None:
        """Those of these that are planned, and whose back-off is over, are queued, and count as turns."""
        ...

    async def crowd(self) -> Crowd:
        """How much there is to do for workers, and how many are at it."""
        ...

    async def expired(self, now: float) -> list[Task]:
        """Leased tasks whose lease has run out."""
        ...

    async def overdue(self, before: float) -> list[Task]:
        """Tasks queued before that time and not taken, without their recipes; the oldest first."""
        ...

    async def census(self) -> Census:
        """How many there are, of all jobs and of the unfinished jobs' tasks."""
        ...

    async def close(self) -> None: ...
