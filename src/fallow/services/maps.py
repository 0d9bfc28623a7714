"""What happened to the pieces of a job: the map of its chunks, one chunk's attempts, its timeline, its failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fallow.model import TaskKind
from fallow.pipeline.context import Context
from fallow.services import examples
from fallow.services.charts import Chart

MOST_FAILURES = 500


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
    task, attempts = await ctx.ledger.history(job, TaskKind.VIDEO, rendition, number)
    names = await ctx.ledger.names({attempt.worker for attempt in attempts})
    views = [
        AttemptView(
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
        for attempt in attempts
    ]
    size = task.part.size if task.part else None
    return ChunkView(task.state.value, task.spec.frames, size, task.error, views)


async def timeline_view(ctx: Context, job: str) -> TimelineView:
    spans = await ctx.ledger.spans(job)
    places = {worker: place for place, worker in enumerate(dict.fromkeys(span.worker for span in spans))}
    return TimelineView(await named(ctx, list(places)), [(places[span.worker], *span[1:]) for span in spans])


async def failures_view(ctx: Context, job: str) -> FailuresView:
    found = await ctx.ledger.mishaps(job, MOST_FAILURES)
    names = await ctx.ledger.names({one.worker for one in found})
    views = []
    for one in found:
        facts: Mapping[str, Any] = one._asdict()
        name = names.get(one.worker, "")
        views.append(FailureView(worker_name=name, **{key: facts[key] for key in facts if key != "worker"}))
    return FailuresView(views)
