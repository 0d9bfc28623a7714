"""What happened to the pieces of a job: the map of its chunks, one chunk's attempts, its timeline, its failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fallow.model import TaskKind, TaskState, chunk_number
from fallow.overview import Span
from fallow.pipeline.context import Context
from fallow.records import Attempt, Task
from fallow.services import examples
from fallow.services.charts import Chart

MOST_FAILURES = 500
_OPEN = (TaskState.DEAD, TaskState.LEASED, TaskState.QUEUED, TaskState.PLANNED, TaskState.DONE)


@dataclass(frozen=True)
class Named:
    """A worker."""

    id: str
    name: str


@dataclass(frozen=True)
class MapView:
    """One letter for each chunk of each rendition: `.` not cut yet, `p` planned, `q` queued, `l` leased, `d` done,
    `x` dead, `r` planned again after a failure."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.MAP)

    chunks: int  # in each rendition; an estimate until the source is cut
    renditions: list[str]
    cells: dict[str, str]
    workers: list[Named]  # by their first attempts: later ones come after them
    at: dict[str, dict[int, tuple[int, float]]]  # of what is leased: the worker's index, and the share that is done


@dataclass(frozen=True)
class AttemptView:
    """One lease of a task."""

    worker: str
    worker_name: str
    number: int
    started: float
    ended: float | None
    outcome: str  # "" while it runs
    error: str
    fps: float
    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class ChunkView:
    """A chunk of a rendition, with all attempts at it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.CHUNK)

    state: str
    frames: int
    bytes: int | None  # of the finished part
    error: str
    attempts: list[AttemptView]


@dataclass(frozen=True)
class TimelineView:
    """What ran where. A span is: index of the worker, kind, rendition, number, started, ended or null, outcome."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.TIMELINE)

    workers: list[Named]
    spans: list[tuple[int, str, str, int, float, float | None, str]]


@dataclass(frozen=True)
class FailureView:
    """An attempt that failed."""

    task: str
    kind: str
    rendition: str
    number: int
    worker_name: str
    at: float
    outcome: str
    error: str


@dataclass(frozen=True)
class FailuresView:
    """The newest ones, newest first."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.FAILURES)

    failures: list[FailureView]


async def map_view(ctx: Context, found: Chart) -> MapView:
    at: dict[str, dict[int, tuple[int, float]]] = {name: {} for name in found.letters}
    for (rendition, number), where in found.at.items():
        at[rendition][number] = where
    workers = await named(ctx, found.crew)
    return MapView(found.chunks, list(found.letters), found.letters, workers, at)


async def named(ctx: Context, workers: Sequence[str]) -> list[Named]:
    names = await ctx.ledger.names(workers)
    return [Named(worker, names.get(worker, "")) for worker in workers]


async def chunk_view(ctx: Context, job: str, rendition: str, number: int) -> ChunkView:
    """Of a divided chunk that of all its pieces: what is not done of it comes first."""
    found = await ctx.ledger.pieces(job, rendition, number)
    numbers = [task.spec.number for task in found[1]] if found else [number]
    histories = [await ctx.ledger.history(job, TaskKind.VIDEO, rendition, one) for one in numbers]
    names = await ctx.ledger.names({attempt.worker for _, attempts in histories for attempt in attempts})
    tasks = [task for task, _ in histories]
    sizes = [task.part.size for task in tasks if task.part]
    views = [_attempt(task, attempt, names) for task, attempts in histories for attempt in attempts]
    return ChunkView(
        state=min((task.state for task in tasks), key=_OPEN.index).value,
        frames=sum(task.spec.frames for task in tasks),
        bytes=sum(sizes) if len(sizes) == len(tasks) else None,
        error=next((task.error for task in tasks if task.error), ""),
        attempts=sorted(views, key=lambda view: view.started),
    )


def _attempt(task: Task, attempt: Attempt, names: Mapping[str, str]) -> AttemptView:
    return AttemptView(
        attempt.worker,
        names.get(attempt.worker, ""),
        attempt.number,
        attempt.started,
        attempt.ended,
        attempt.outcome,
        attempt.error,
        round(attempt.effort.fps, 3) or (task.fps if attempt.lease == task.lease else 0.0),
        attempt.effort.wall_seconds,
        attempt.effort.cpu_seconds,
    )


async def timeline_view(ctx: Context, job: str) -> TimelineView:
    spans = await ctx.ledger.spans(job)
    places = {worker: place for place, worker in enumerate(dict.fromkeys(span.worker for span in spans))}
    return TimelineView(await named(ctx, list(places)), [_span(places, span) for span in spans])


def _span(places: Mapping[str, int], span: Span) -> tuple[int, str, str, int, float, float | None, str]:
    number = chunk_number(TaskKind(span.kind), span.number)
    return (places[span.worker], span.kind, span.rendition, number, span.started, span.ended, span.outcome)


async def failures_view(ctx: Context, job: str) -> FailuresView:
    found = await ctx.ledger.mishaps(job, MOST_FAILURES)
    names = await ctx.ledger.names({one.worker for one in found})
    views = []
    for one in found:
        facts = one._asdict() | {"number": chunk_number(TaskKind(one.kind), one.number)}
        name = names.get(one.worker, "")
        views.append(FailureView(worker_name=name, **{key: facts[key] for key in facts if key != "worker"}))
    return FailuresView(views)
