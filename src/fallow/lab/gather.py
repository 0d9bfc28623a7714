"""What a run was, from what a server knows of its job."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from fallow.client import Client, JobView
from fallow.fleet import Failures
from fallow.lab.record import Run, Trouble, Work
from fallow.pipeline.performance import cause
from fallow.records import Outcome

_GONE: dict[str, Any] = {"device_class": "unknown", "arch": "unknown"}
_BAD = (Outcome.FAILED.value, Outcome.EXPIRED.value)


Workers = Mapping[str, Mapping[str, Any]]  # by their ids, as the server tells them


def workers_of(client: Client) -> Workers:
    """Those that a server knows; asked once for many jobs."""
    return {str(worker["id"]): worker for worker in client.workers()}


def runs_of(
    client: Client, workers: Workers, job: JobView, crew: str, agents: int = 0, repetition: int = 1
) -> Iterator[Run]:
    """One for each rendition of a job that has ended."""
    tasks = client.tasks(job.id)
    video = (job.source or {}).get("video") or {}
    for rendition in job.renditions:
        mine = [task for task in tasks if task["kind"] == "video" and task["rendition"] == rendition.name]
        facts = rendition.facts or {}
        yield Run(
            source=job.name,
            profile=rendition.name,
            crew=crew,
            agents=agents,
            repetition=repetition,
            began=job.created,
            seconds=job.updated - job.created,
            frames=int(facts.get("frames", 0)),
            video_seconds=float(Fraction(str((job.source or {}).get("duration", 0)))),
            width=int(video.get("width", 0)),
            height=int(video.get("height", 0)),
            works=tuple(_works(mine, workers)),
            troubles=tuple(_troubles(mine)),
            error=(job.error or "") if job.state != "done" else "",
        )


def _works(tasks: Sequence[Mapping[str, Any]], workers: Workers) -> Iterator[Work]:
    by_worker: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for attempt in (attempt for task in tasks for attempt in task["attempts"]):
        if attempt["outcome"] == Outcome.DELIVERED.value:
            by_worker[attempt["worker"]].append(attempt["effort"])
    for worker, efforts in sorted(by_worker.items()):
        known = workers.get(worker, {**_GONE, "name": worker})
        meters = {str(effort.get("meter") or "") for effort in efforts}
        yield Work(
            worker=str(known["name"]),
            device_class=str(known["device_class"]),
            arch=str(known["arch"]),
            tasks=len(efforts),
            frames=sum(effort["frames"] for effort in efforts),
            wall_seconds=sum(effort["wall_seconds"] for effort in efforts),
            cpu_seconds=sum(effort["cpu_seconds"] for effort in efforts),
            bytes_out=sum(effort["bytes_out"] for effort in efforts),
            joules=None if "" in meters else sum(effort["joules"] for effort in efforts),
            meters=tuple(sorted(meters - {""})),
        )


def _troubles(tasks: Sequence[Mapping[str, Any]]) -> list[Trouble]:
    counts: collections.Counter[str] = collections.Counter()
    for attempt in (attempt for task in tasks for attempt in task["attempts"]):
        if attempt["outcome"] in _BAD:
            counts[cause(Failures(Outcome(attempt["outcome"]), attempt["error"], 1))] += 1
    return [Trouble(words, count) for words, count in counts.most_common()]
