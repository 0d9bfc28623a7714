"""What people are told of jobs: the answers of the API, and what a program that runs the platform itself sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fallow.catalogue import MEASURE
from fallow.messages import to_wire
from fallow.model import JobKind, JobState, TaskKind, TaskState, Worker, chunk_number
from fallow.pipeline.context import Context
from fallow.pipeline.fetch import came_of
from fallow.pipeline.job_options import options_of, profile_of
from fallow.pipeline.recipes import encoders
from fallow.records import Attempt, Job, Rendition, Tally, Task
from fallow.services import examples
from fallow.services.summaries import Figures, figures_of


@dataclass(frozen=True)
class RenditionView:
    """How far one rendition is."""

    name: str
    state: str
    chunks_done: int
    chunks_total: int
    frames_done: int
    frames_total: int
    fps: float
    size: int | None
    result_url: str | None
    facts: dict[str, Any] | None


@dataclass(frozen=True)
class RunningView:
    """What a worker is at."""

    task: str
    kind: str
    rendition: str
    number: int
    worker: str
    worker_name: str
    frames: int
    done_frames: int
    fps: float


@dataclass(frozen=True)
class ShareView:
    """What a worker has done for a job."""

    worker: str
    name: str
    tasks: int
    frames: int
    wall_seconds: float
    cpu_seconds: float
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True)
class FetchedView:
    """How much has come of a source that is fetched from an address."""

    bytes: int
    length: int | None  # null: its server does not say
    error: str  # why nothing comes until the next try; "": it comes, or waits for its turn


@dataclass(frozen=True)
class JobView(Figures):
    """A job as people see it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = examples.shown(examples.JOB)

    error_kind: str
    source: dict[str, Any] | None
    options: dict[str, Any]
    renditions: list[RenditionView]
    tasks_running: list[RunningView]
    shares: list[ShareView]
    warnings: list[str]
    fetched: FetchedView | None  # how far a source is that comes from an address; null: it does not, or is there
    waits: str  # what the source waits for, while it is uploaded


async def job_view(ctx: Context, job: Job) -> JobView:
    """Everything about a job that a progress display shows."""
    tallies = await ctx.ledger.tally(job.id)
    running = [] if job.state.ended else await ctx.ledger.running(job.id)
    workers = await ctx.ledger.workers()
    shares = await ctx.ledger.shares(job.id)
    names = await ctx.ledger.names({task.worker for task in running} | {share.worker for share in shares})
    return JobView(
        **vars(await figures_of(ctx, job, tallies)),
        error_kind=job.error_kind,
        source=to_wire(job.source),
        options=job.options,
        renditions=[_rendition(job, rendition, tallies) for rendition in job.renditions],
        tasks_running=[_running(task, names) for task in running],
        shares=[ShareView(name=names.get(share.worker, ""), **to_wire(share)) for share in shares],
        warnings=[
            *(job.source.warnings if job.source else ()),
            *_losses(job, tallies),
            *_faults(job),
            *wants(job, workers),
        ],
        fetched=await _fetched(ctx, job, tallies),
        waits=await ctx.ledger.waits(job.id) if job.state is JobState.UPLOADING else "",
    )


async def _fetched(ctx: Context, job: Job, tallies: Iterable[Tally]) -> FetchedView | None:
    if job.state is not JobState.UPLOADING or all(tally.kind is not TaskKind.FETCH for tally in tallies):
        return None
    (task,) = await ctx.ledger.tasks(job.id, (TaskKind.FETCH,))
    return FetchedView(*await came_of(ctx, job.id), error="" if task.state is TaskState.LEASED else task.error)


@dataclass(frozen=True)
class TaskView:
    """A task, with all attempts at it."""

    task: str
    kind: str
    rendition: str
    number: int
    state: str
    frames: int
    bytes: int | None  # of the finished part
    error: str
    attempts: list[Attempt]


@dataclass(frozen=True)
class TasksView:
    """All tasks of a job, for statistics and for who asks what went wrong."""

    tasks: list[TaskView]


def tasks_view(tasks: Sequence[Task], attempts: Sequence[Attempt]) -> TasksView:
    by_task: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_task.setdefault(attempt.task, []).append(attempt)
    return TasksView([_task(task, by_task.get(task.id, [])) for task in tasks])


def _rendition(job: Job, rendition: Rendition, tallies: Iterable[Tally]) -> RenditionView:
    mine = [t for t in tallies if t.kind is TaskKind.VIDEO and t.rendition == rendition.name]
    done = [t for t in mine if t.state is TaskState.DONE]
    result, stream = rendition.result, options_of(job).streamed  # which is fetched file by file
    return RenditionView(
        name=rendition.name,
        state=_state(job, rendition, all(t.state is TaskState.DONE for t in mine)),
        chunks_done=sum(t.tasks for t in done),
        chunks_total=sum(t.tasks for t in mine),
        frames_done=sum(t.frames for t in done) + sum(t.done_frames for t in mine),
        frames_total=_frames(job, mine),
        fps=sum(t.fps for t in mine),
        size=result.size if result else None,
        result_url=f"/api/v1/jobs/{job.id}/results/{rendition.name}" if result and not stream else None,
        facts=rendition.facts,
    )


def _losses(job: Job, tallies: Sequence[Tally]) -> list[str]:
    """Sentences about frames that a finished rendition lacks."""
    found = []
    for rendition in job.renditions:
        if rendition.result and rendition.result.damaged:
            wanted = sum(t.frames for t in tallies if t.kind is TaskKind.VIDEO and t.rendition == rendition.name)
            lost = wanted - rendition.result.frames
            found.append(f"{lost} of {wanted} frames of {rendition.name} could not be decoded and are left out.")
    return found


def _faults(job: Job) -> list[str]:
    """Sentences about spoilt pictures, which all renditions show."""
    told = [sentence for rendition in job.renditions for sentence in (rendition.facts or {}).get("faults", [])]
    return list(dict.fromkeys(told))


_NOBODY_MEASURES = (
    "No worker is known whose FFmpeg can measure quality (its filter libvmaf); connect one, or update the workers."
)


def wants(job: Job, workers: Iterable[Worker]) -> list[str]:
    """Sentences about encoders that the job needs and no worker is known to have."""
    able = [worker.encoders for worker in workers if worker.machine]  # the others are no agents
    if job.state.ended or not able or None in able:
        return []
    known = frozenset[str]().union(*(each or () for each in able))
    if JobKind.of(job.id) is JobKind.QUALITY:
        return [] if MEASURE in known else [_NOBODY_MEASURES]
    needed = {name: rendition.name for rendition in job.renditions for name in encoders(profile_of(rendition))}
    return [
        f"No worker is known that has the encoder {name}, which {needed[name]} needs; connect one."
        for name in sorted(needed.keys() - known)
    ]


def _frames(job: Job, tallies: Sequence[Tally]) -> int:
    """Known from the tasks once all of them are; until then what the source has, if the rate stays."""
    planned = sum(tally.frames for tally in tallies)
    if job.state is JobState.SPLITTING and job.source is not None:
        return max(planned, job.source.video.frames)
    return planned


def _state(job: Job, rendition: Rendition, encoded: bool) -> str:
    if rendition.result is not None:
        return JobState.DONE.value
    if job.state is JobState.ENCODING and encoded:
        return JobState.JOINING.value
    return job.state.value


def _running(task: Task, names: Mapping[str, str]) -> RunningView:
    return RunningView(
        task=task.id,
        kind=task.spec.kind.value,
        rendition=task.spec.rendition,
        number=chunk_number(task.spec.kind, task.spec.number),
        worker=task.worker,
        worker_name=names.get(task.worker, ""),
        frames=task.spec.frames,
        done_frames=task.done_frames,
        fps=task.fps,
    )


def _task(task: Task, attempts: list[Attempt]) -> TaskView:
    return TaskView(
        task=task.id,
        kind=task.spec.kind.value,
        rendition=task.spec.rendition,
        number=chunk_number(task.spec.kind, task.spec.number),
        state=task.state.value,
        frames=task.spec.frames,
        bytes=task.part.size if task.part else None,
        error=task.error,
        attempts=attempts,
    )
