"""Workers, for people: who there is, how they do; rename, drain, send home, forget."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from fallow.fleet import Deeds, Doing
from fallow.messages import CALIBRATED
from fallow.model import Standing, Worker, chunk_number
from fallow.pipeline import workforce
from fallow.pipeline.context import Context
from fallow.pipeline.workforce import Condition, Member, arch, device_class, members


class TaskView(BaseModel):
    """What a worker is at."""

    job: str
    job_name: str
    kind: str = Field(examples=["video"])
    rendition: str = Field(examples=["720p"])
    number: int = Field(description="Of the chunk.", examples=[5])
    frames: int = Field(examples=[300])
    done_frames: int = Field(examples=[156])
    fps: float = Field(examples=[33.0])


class WorkerView(BaseModel):
    """A worker as people see it."""

    id: str = Field(examples=["8f14e45fceea167a"])
    name: str = Field(description="What people call it.", examples=["Ann's phone"])
    state: Literal["working", "idle", "paused", "draining", "banned", "lost"]
    standing: Literal["active", "draining", "banned"] = Field(description="What an administrator wants of it.")
    machine: dict[str, Any] = Field(
        description="What the agent tells of it.",
        examples=[{"system": "Linux", "arch": "aarch64", "cores": 8, "memory": 8000000000, "ffmpeg": "7.1"}],
    )
    device_class: str = Field(
        description="phone, board, laptop, pc or server, as far as its machine tells; else unknown.",
        examples=["phone"],
    )
    arch: str = Field(description="arm64, arm, x86, or another family of processors.", examples=["arm64"])
    local: bool = Field(description="Started by the platform itself, not by a person.")
    seen: float = Field(description="When it was heard of last, in seconds since 1970.", examples=[1760000000.0])
    registered: float | None = Field(description="When it came first; null when that is not known.")
    fps: float = Field(description="Frames per second of what it delivered in the last hour.", examples=[48.5])
    calibrated_fps: float | None = Field(
        description="Frames per second of 1080p by its trials, until it has delivered something; null: unknown."
    )
    joules_per_minute: float | None = Field(
        description="Of video of the last hour, beyond what it takes idle; null: nobody knows."
    )
    known_by: list[str] = Field(
        description="How that is known: rapl, battery, meter have measured it, model has reckoned it."
    )
    frames: int = Field(description="Delivered in all.", examples=[90000])
    wall_seconds: float = Field(description="That these took.", examples=[1850.5])
    tasks: int = Field(description="Attempts that were good.", examples=[300])
    failed: int = Field(description="Attempts that were not.", examples=[2])
    trust: float | None = Field(description="The share of its attempts that were good; null before the first.")
    reason: str = Field(description="Why it is paused.", examples=[""])
    leases: int = Field(description="Tasks that it has.", examples=[1])
    task: TaskView | None = Field(description="The first of them.")


class WorkersView(BaseModel):
    """All workers."""

    workers: list[WorkerView]


class WorkerBody(BaseModel):
    """What is to be changed of a worker."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=128, description='"" gives it its own name back.')
    standing: Literal["active", "draining", "banned"] | None = None


def router(ctx: Context) -> APIRouter:
    """What is under /api/v1/workers."""
    router = APIRouter(prefix="/api/v1", tags=["workers"])

    @router.get("/workers")
    async def workers() -> WorkersView:
        """All workers, heard of lately first."""
        return WorkersView(workers=[worker_view(member) for member in await members(ctx)])

    @router.patch("/workers/{worker}")
    async def change_worker(worker: str, body: WorkerBody) -> WorkerView:
        """Rename it, let it finish and give it nothing new (`draining`), or send it home at once (`banned`)."""
        if body.name is not None:
            await workforce.rename(ctx, worker, body.name)
        if body.standing is not None:
            await workforce.rank(ctx, worker, Standing(body.standing))
        return worker_view(await workforce.member(ctx, worker))

    @router.delete("/workers/{worker}", status_code=204)
    async def forget_worker(worker: str) -> Response:
        """Remove one that is lost."""
        await workforce.forget(ctx, worker)
        return Response(status_code=204)

    return router


def worker_view(member: Member) -> WorkerView:
    worker, deeds = member.worker, member.deeds
    return WorkerView(
        id=worker.id,
        name=worker.called,
        state=member.condition.value,
        standing=worker.standing.value,
        machine=worker.machine,
        device_class=device_class(worker),
        arch=arch(worker),
        local=worker.local,
        seen=worker.seen,
        registered=worker.registered or None,
        fps=round(deeds.fps, 3),
        calibrated_fps=_calibrated(worker, deeds),
        joules_per_minute=member.energy.joules,
        known_by=member.energy.known_by,
        frames=deeds.frames,
        wall_seconds=deeds.wall_seconds,
        tasks=deeds.delivered,
        failed=deeds.failed,
        trust=member.trust,
        reason=worker.paused if member.condition is Condition.PAUSED else "",
        leases=len(member.doings),
        task=_task_view(member.doings[0]) if member.doings else None,
    )


def _calibrated(worker: Worker, deeds: Deeds) -> float | None:
    """Of what it was tried with first among 1080p."""
    told = worker.machine.get(CALIBRATED)
    if deeds.frames or not isinstance(told, dict):
        return None
    full = [speed for name, speed in told.items() if name.endswith(" 1080p") and isinstance(speed, (int, float))]
    return round(full[0] / (1920 * 1080 / 1e6), 3) if full else None


def _task_view(doing: Doing) -> TaskView:
    return TaskView(
        job=doing.job,
        job_name=doing.job_name,
        kind=doing.kind.value,
        rendition=doing.rendition,
        number=chunk_number(doing.kind, doing.number),
        frames=doing.frames,
        done_frames=doing.done_frames,
        fps=doing.fps,
    )
