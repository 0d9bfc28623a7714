"""Rows of the ledger's tables to values and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, RowMapping

from fallow.adapters.ledger_tables import chunks, tasks, tracks
from fallow.messages import from_wire, to_wire
from fallow.model import (
    Chunk,
    Effort,
    JobState,
    Part,
    Source,
    Standing,
    TaskKind,
    TaskState,
    Track,
    Worker,
    piece_numbers,
)
from fallow.records import Attempt, Job, Rendition, Share, Tally, Task, TaskSpec

T = TypeVar("T")
Row = RowMapping | Mapping[str, Any]

TASK_SUMMARY = [column for column in tasks.c if column is not tasks.c.recipe]
"""All columns of a task but the recipe, which may be long."""


def dumps(value: Any) -> str:
    return json.dumps(to_wire(value), separators=(",", ":"))


def loads(cls: type[T], text: str | None) -> T | None:
    return None if text is None else from_wire(cls, json.loads(text))


def task_id(spec: TaskSpec) -> str:
    """Says who it is, so that a log line can be understood, and is the same whoever plans the task."""
    return f"{spec.job}.{spec.kind.value}.{spec.rendition or '-'}.{spec.number:05d}"


def task_ids(spec: TaskSpec) -> list[str]:
    """Of the task, and of others that its chunk may be divided into."""
    if spec.kind is not TaskKind.VIDEO:
        return [task_id(spec)]
    return [task_id(replace(spec, number=number)) for number in piece_numbers(spec.number)]


def record_of(item: Chunk | Track) -> tuple[Column[str], list[ColumnElement[bool]]]:
    """The column that holds a chunk or track, and the conditions that find its row."""
    if isinstance(item, Chunk):
        return chunks.c.chunk, [chunks.c.job == item.job, chunks.c.number == item.number]
    kind = tracks.c.kind == item.kind.value
    return tracks.c.track, [tracks.c.job == item.job, kind, tracks.c.number == item.number]


def object_row(spec: TaskSpec) -> dict[str, Any]:
    """What a task works on."""
    return {"get_key": spec.get_key, "get_bytes": spec.get_bytes, "get_sha256": spec.get_sha256}


def task_row(spec: TaskSpec) -> dict[str, Any]:
    return {
        "id": task_id(spec),
        "job": spec.job,
        "kind": spec.kind.value,
        "rendition": spec.rendition,
        "number": spec.number,
        "recipe": dumps(spec.recipe),
        **object_row(spec),
        "frames": spec.frames,
        "cost": spec.cost,
        "encoder": spec.encoder,
        "state": TaskState.PLANNED.value,
    }


def task_of(row: Row) -> Task:
    spec = TaskSpec(
        job=row["job"],
        kind=TaskKind(row["kind"]),
        rendition=row["rendition"],
        number=row["number"],
        recipe=json.loads(row["recipe"]) if "recipe" in row else {},
        get_key=row["get_key"],
        get_bytes=row["get_bytes"],
        get_sha256=row["get_sha256"],
        frames=row["frames"],
        cost=row["cost"],
        encoder=row["encoder"],
    )
    return Task(
        id=row["id"],
        spec=spec,
        state=TaskState(row["state"]),
        attempt=row["attempt"],
        worker=row["worker"],
        lease=row["lease"],
        lease_until=row["lease_until"],
        done_frames=row["done_frames"],
        fps=row["fps"],
        part=loads(Part, row["part"]),
        error=row["error"],
        queued_at=row["queued_at"],
    )


def job_row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "created": job.created,
        "updated": job.updated,
        "options": dumps(job.options),
        "source_key": job.source_key,
        "source": None if job.source is None else dumps(job.source),
        "error": job.error,
        "error_kind": job.error_kind,
        "owner": job.owner[:128],
    }


def rendition_row(rendition: Rendition, place: int) -> dict[str, Any]:
    return {
        "job": rendition.job,
        "name": rendition.name,
        "place": place,
        "profile": dumps(rendition.profile),
        "result": None if rendition.result is None else dumps(rendition.result),
        "facts": None if rendition.facts is None else dumps(rendition.facts),
    }


def rendition_of(row: Row) -> Rendition:
    return Rendition(
        job=row["job"],
        name=row["name"],
        profile=json.loads(row["profile"]),
        result=loads(Part, row["result"]),
        facts=None if row["facts"] is None else json.loads(row["facts"]),
    )


def job_of(row: Row, renditions: list[Rendition]) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        state=JobState(row["state"]),
        created=row["created"],
        updated=row["updated"],
        options=json.loads(row["options"]),
        source_key=row["source_key"],
        source=loads(Source, row["source"]),
        renditions=tuple(renditions),
        error=row["error"],
        error_kind=row["error_kind"],
        owner=row["owner"],
        paused=bool(row["paused"]),
    )


def effort_row(effort: Effort) -> dict[str, Any]:
    return {
        "wall_seconds": effort.wall_seconds,
        "cpu_seconds": effort.cpu_seconds,
        "frames": effort.frames,
        "bytes_in": effort.bytes_in,
        "bytes_out": effort.bytes_out,
        "encoder": effort.encoder[:128],
        "joules": effort.joules,
        "meter": effort.meter[:16],
    }


def attempt_of(row: Row) -> Attempt:
    return Attempt(
        lease=row["lease"],
        task=row["task"],
        worker=row["worker"],
        number=row["number"],
        started=row["started"],
        ended=row["ended"],
        outcome=row["outcome"],
        error=row["error"],
        effort=Effort(
            wall_seconds=row["wall_seconds"],
            cpu_seconds=row["cpu_seconds"],
            frames=row["frames"],
            bytes_in=row["bytes_in"],
            bytes_out=row["bytes_out"],
            encoder=row["encoder"],
            joules=row["joules"],
            meter=row["meter"],
        ),
        counted=row["counted"],
    )


def tally_of(row: Row) -> Tally:
    return Tally(
        kind=TaskKind(row["kind"]),
        rendition=row["rendition"],
        state=TaskState(row["state"]),
        tasks=row["tasks"],
        frames=int(row["frames"]),
        done_frames=int(row["done_frames"]),
        fps=float(row["fps"]),
        cost=float(row["cost"]),
    )


def share_of(row: Row) -> Share:
    return Share(
        worker=row["worker"],
        tasks=row["tasks"],
        frames=int(row["frames"]),
        wall_seconds=float(row["wall_seconds"]),
        cpu_seconds=float(row["cpu_seconds"]),
        bytes_in=int(row["bytes_in"]),
        bytes_out=int(row["bytes_out"]),
    )


def worker_of(row: Row) -> Worker:
    return Worker(
        id=row["id"],
        name=row["name"],
        machine=json.loads(row["machine"]),
        local=bool(row["local"]),
        seen=row["seen"],
        standing=Standing(row["standing"]),
        label=row["label"],
        registered=row["registered"],
        paused=row["paused"],
    )
