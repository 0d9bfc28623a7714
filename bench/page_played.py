"""The API that bench/page.py plays for the page: a large job, a thousand jobs and workers, all of them moving."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

CHUNKS, RENDITIONS, CHANGES, TIMES_A_SECOND = 10_000, ["1080p", "720p", "480p"], 200, 10
JOBS, WORKERS, CHANGED_JOBS, CHANGED_WORKERS = 1000, 1000, 200, 500  # changed in each second
LETTERS = "pqlldd"
BEGAN = time.time()


def summary(number: int) -> dict[str, object]:
    done = random.random()
    return {
        "id": f"job{number:05d}",
        "name": f"Lecture {number}, recorded in the large hall.mov",
        "state": "encoding" if number % 3 else "done",
        "paused": False,
        "priority": "normal",
        "owner": "anna",
        "created": BEGAN - 60 * number,
        "updated": time.time(),
        "error": "",
        "frames_done": int(done * 90_000),
        "frames_total": 90_000,
        "progress": done if number % 3 else 1.0,
        "fps": 48.5,
        "eta": 600 * (1 - done),
        "wall_seconds": 100.0,
        "cpu_seconds": 95.0 + done,
        "joules": None,
        "known_by": [],
        "renditions": RENDITIONS,
        "size": 10**8,
        "duration": 3600.0,
        "play_url": None,
    }


def worker(number: int) -> dict[str, object]:
    task = {"job": f"job{number:05d}", "job_name": f"Lecture {number}.mov", "kind": "video", "rendition": "720p"}
    frames = {"number": number % 100, "frames": 300, "done_frames": random.randrange(300), "fps": 33.0}
    return {
        "id": f"w{number}",
        "name": f"Phone {number}",
        "state": "working" if number % 5 else "idle",
        "standing": "active",
        "machine": {"system": "Linux", "arch": "aarch64", "cores": 8},
        "device_class": "phone",
        "arch": "arm64",
        "local": False,
        "seen": time.time(),
        "registered": BEGAN - 86400.0,
        "fps": 30 + random.random(),
        "joules_per_minute": None,
        "known_by": [],
        "frames": 90_000,
        "wall_seconds": 1850.5,
        "tasks": 300,
        "failed": 2,
        "trust": 0.993,
        "reason": "",
        "leases": 1,
        "task": {**task, **frames} if number % 5 else None,
    }


def large_job() -> dict[str, object]:
    names = [{"name": name, "state": "encoding", "result_url": None, "size": None} for name in RENDITIONS]
    counts = dict.fromkeys(["chunks_done", "chunks_total", "frames_done", "frames_total", "fps"], 1)
    more = {"source": None, "options": {}, "tasks_running": [], "shares": [], "warnings": [], "waits": ""}
    return {**summary(1), "id": "large", **more, "error_kind": "", "renditions": [{**n, **counts} for n in names]}


def _map_change() -> tuple[str, object]:
    cells = [
        [random.choice(RENDITIONS), random.randrange(CHUNKS), random.choice(LETTERS), 0, random.random()]
        for _ in range(CHANGES)
    ]
    return "map", {"chunks": CHUNKS, "cells": cells, "workers": []}


def _changes(job: str) -> list[tuple[str, object]]:
    """What is told at a time."""
    if job:
        return [_map_change()]
    jobs = random.sample(range(JOBS), CHANGED_JOBS // TIMES_A_SECOND)
    workers = random.sample(range(WORKERS), CHANGED_WORKERS // TIMES_A_SECOND)
    return [
        ("jobs", {"jobs": [summary(n) for n in jobs], "gone": []}),
        ("workers", {"workers": [worker(n) for n in workers], "gone": []}),
    ]


async def events(request: Request) -> StreamingResponse:
    async def told() -> AsyncIterator[str]:
        while True:
            for topic, data in _changes(request.query_params.get("job", "")):
                yield f"event: {topic}\ndata: {json.dumps(data)}\n\n"
            await asyncio.sleep(1 / TIMES_A_SECOND)

    return StreamingResponse(told(), media_type="text/event-stream")


async def jobs(request: Request) -> JSONResponse:
    start, limit = int(request.query_params.get("after") or 0), int(request.query_params.get("limit", 100))
    end = min(JOBS, start + limit)
    return JSONResponse({"jobs": [summary(n) for n in range(start, end)], "next": str(end) if end < JOBS else None})


def routes() -> list[Route]:
    cells = {name: "".join(random.choice(LETTERS) for _ in range(CHUNKS)) for name in RENDITIONS}
    crew = [{"id": "w", "name": "worker"}]
    told = {
        "/me": {"name": "", "role": "admin", "login": False, "via": "loopback"},
        "/jobs/large": large_job(),
        "/jobs/large/map": {"chunks": CHUNKS, "renditions": RENDITIONS, "cells": cells, "at": {}, "workers": crew},
        "/jobs/large/timeline": {"workers": [], "spans": []},
        "/jobs/large/failures": {"failures": []},
        "/jobs/large/quality": {"measurements": []},
        "/workers": {"workers": [worker(n) for n in range(WORKERS)]},
    }

    def always(answer: object) -> Route:
        return lambda _request: JSONResponse(answer)  # type: ignore[return-value]

    made = [Route(f"/api/v1{path}", always(answer)) for path, answer in told.items()]
    return [Route("/api/v1/events", events), Route("/api/v1/jobs", jobs), *made]
