"""What people send to the API and get from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fallow.errors import BadProfile
from fallow.messages import from_wire, to_wire
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline.context import Context
from fallow.pipeline.order import Options
from fallow.ports import Attempt, Job, Rendition, Tally, Task
from fallow.profiles import Profile


class OptionsBody(BaseModel):
    """How a job is to be done."""

    model_config = ConfigDict(extra="forbid")

    container: str = Field(default="mp4", description="Of the results: mp4, mpegts or matroska.")
    chunk_seconds: float = Field(default=10.0, description="Chunks end at the first entry point after so long.")
    accept_damaged: bool = Field(default=False, description="Encode what can be decoded of a damaged source.")
    priority: str = Field(default="normal", description="high, normal or low.")

    def typed(self) -> Options:
        return Options(**self.model_dump())


class JobBody(BaseModel):
    """A new job; its source is uploaded afterwards."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="The input's file name.")
    profiles: list[dict[str, Any]] = Field(
        description="Wire forms of profiles, as GET /api/v1/profiles gives them."
    )
    options: OptionsBody = Field(default_factory=OptionsBody)
    key: str = Field(default="", description="The same key gives the same job, however often it is sent.")

    def typed_profiles(self) -> list[Profile]:
        try:
            return [from_wire(Profile, profile) for profile in self.profiles]
        except ValueError as error:
            raise BadProfile(str(error)) from error


class RenditionView(BaseModel):
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


class RunningView(BaseModel):
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


class ShareView(BaseModel):
    """What a worker has done for a job."""

    worker: str
    name: str
    tasks: int
    frames: int
    wall_seconds: float
    cpu_seconds: float
    bytes_in: int
    bytes_out: int


class JobView(BaseModel):
    """A job as people see it."""

    id: str
    name: str
    state: str
    created: float
    updated: float
    error: str
    error_kind: str
    source: dict[str, Any] | None
    options: dict[str, Any]
    renditions: list[RenditionView]
    tasks_running: list[RunningView]
    shares: list[ShareView]
    warnings: list[str]


async def job_view(ctx: Context, job: Job) -> JobView:
    """Everything about a job that a progress display shows."""
    tallies = await ctx.ledger.tally(job.id)
    running = [] if job.state.ended else await ctx.ledger.running(job.id)
    names = {worker.id: worker.name for worker in await ctx.ledger.workers()} | {"splitter": "splitter"}
    shares = await ctx.ledger.shares(job.id)
    return JobView(
        id=job.id,
        name=job.name,
        state=job.state.value,
        created=job.created,
        updated=job.updated,
        error=job.error,
        error_kind=job.error_kind,
        source=to_wire(job.source),
        options=job.options,
        renditions=[_rendition(job, rendition, tallies) for rendition in job.renditions],
        tasks_running=[_running(task, names) for task in running],
        shares=[ShareView(name=names.get(share.worker, ""), **to_wire(share)) for share in shares],
        warnings=list(job.source.warnings) if job.source else [],
    )


async def job_views(ctx: Context, jobs: Iterable[Job]) -> dict[str, list[JobView]]:
    return {"jobs": [await job_view(ctx, job) for job in jobs]}


def tasks_view(tasks: Sequence[Task], attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Every task of a job with its attempts, for statistics and for who asks what went wrong."""
    by_task: dict[str, list[Any]] = {}
    for attempt in attempts:
        by_task.setdefault(attempt.task, []).append(to_wire(attempt))
    return {"tasks": [_task(task) | {"attempts": by_task.get(task.id, [])} for task in tasks]}


def _rendition(job: Job, rendition: Rendition, tallies: Iterable[Tally]) -> RenditionView:
    mine = [t for t in tallies if t.kind is TaskKind.VIDEO and t.rendition == rendition.name]
    done = [t for t in mine if t.state is TaskState.DONE]
    result = rendition.result
    return RenditionView(
        name=rendition.name,
        state=_state(job, rendition, all(t.state is TaskState.DONE for t in mine)),
        chunks_done=sum(t.tasks for t in done),
        chunks_total=sum(t.tasks for t in mine),
        frames_done=sum(t.frames for t in done) + sum(t.done_frames for t in mine),
        frames_total=_frames(job, mine),
        fps=sum(t.fps for t in mine),
        size=result.size if result else None,
        result_url=f"/api/v1/jobs/{job.id}/results/{rendition.name}" if result else None,
        facts=rendition.facts,
    )


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
        number=task.spec.number,
        worker=task.worker,
        worker_name=names.get(task.worker, ""),
        frames=task.spec.frames,
        done_frames=task.done_frames,
        fps=task.fps,
    )


def _task(task: Task) -> dict[str, Any]:
    return {
        "task": task.id,
        "kind": task.spec.kind.value,
        "rendition": task.spec.rendition,
        "number": task.spec.number,
        "state": task.state.value,
        "frames": task.spec.frames,
        "bytes": task.part.size if task.part else None,
        "error": task.error,
    }
