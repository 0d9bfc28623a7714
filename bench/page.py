"""What the web page weighs, and how fluid it is while a map of 10,000 chunks changes: python bench/page.py

The page is the one that was built; the API is played by this program, which changes 200 cells ten times a second.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fallow.services import page
from servers import free_ports

CHUNKS, RENDITIONS, CHANGES, TIMES_A_SECOND, SECONDS = 10_000, ["1080p", "720p", "480p"], 200, 10, 10
LETTERS = "pqlldd"
FPS = """seconds => new Promise((told) => {
    let frames = 0;
    const times = [];
    const begin = performance.now();
    let before = begin;
    const each = (now) => {
        frames += 1;
        times.push(now - before);
        before = now;
        if (now - begin < seconds * 1000) return requestAnimationFrame(each);
        times.sort((a, b) => a - b);
        told({fps: frames / (now - begin) * 1000, worst: times[Math.floor(times.length * 0.99)]});
    };
    requestAnimationFrame(each);
})"""
WEIGHT = """() => [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
    .filter((each) => !each.name.includes('/api/')).reduce((sum, each) => sum + each.encodedBodySize, 0)"""


def job() -> dict[str, object]:
    figures = dict.fromkeys(["frames_done", "frames_total", "fps", "wall_seconds", "cpu_seconds", "updated"], 1)
    names = [{"name": name, "state": "encoding", "result_url": None, "size": None} for name in RENDITIONS]
    renditions = [
        {**each, **dict.fromkeys(["chunks_done", "chunks_total", "frames_done", "frames_total", "fps"], 1)}
        for each in names
    ]
    return {
        **figures,
        "id": "large",
        "name": "large.mov",
        "state": "encoding",
        "paused": False,
        "priority": "normal",
        "owner": "",
        "created": 1,
        "error": "",
        "progress": 0.5,
        "eta": 60,
        "joules": None,
        "known_by": [],
        "size": None,
        "duration": 1e5,
        "play_url": None,
        "renditions": renditions,
        "source": None,
        "options": {},
        "tasks_running": [],
        "shares": [],
        "warnings": [],
        "waits": "",
        "error_kind": "",
    }


async def events(_request: Request) -> StreamingResponse:
    async def told() -> AsyncIterator[str]:
        while True:
            cells = [
                [random.choice(RENDITIONS), random.randrange(CHUNKS), random.choice(LETTERS), 0, random.random()]
                for _ in range(CHANGES)
            ]
            yield f"event: map\ndata: {json.dumps({'chunks': CHUNKS, 'cells': cells, 'workers': []})}\n\n"
            await asyncio.sleep(1 / TIMES_A_SECOND)

    return StreamingResponse(told(), media_type="text/event-stream")


def answers() -> list[Route]:
    cells = {name: "".join(random.choice(LETTERS) for _ in range(CHUNKS)) for name in RENDITIONS}
    told = {
        "/me": {"name": "", "role": "admin", "login": False, "via": "loopback"},
        "/jobs": {"jobs": [], "next": None},
        "/jobs/large": job(),
        "/jobs/large/map": {
            "chunks": CHUNKS,
            "renditions": RENDITIONS,
            "cells": cells,
            "at": {},
            "workers": [{"id": "w", "name": "worker"}],
        },
        "/jobs/large/timeline": {"workers": [], "spans": []},
        "/jobs/large/failures": {"failures": []},
    }

    def always(answer: object) -> Route:
        return lambda _request: JSONResponse(answer)  # type: ignore[return-value]

    made = [Route(f"/api/v1{path}", always(answer)) for path, answer in told.items()]
    return [Route("/api/v1/events", events), *made]


def measured(shown: Page, url: str) -> dict[str, float]:
    shown.goto(f"{url}/#/jobs")
    shown.get_by_role("heading", name="Jobs").wait_for()
    weight = shown.evaluate(WEIGHT)
    shown.goto(f"{url}/#/jobs/large")
    shown.get_by_test_id("chunk-map").wait_for()
    shown.wait_for_timeout(1000)
    return {"first_load_bytes": weight, **shown.evaluate(FPS, SECONDS)}


def main() -> None:
    port = free_ports(1)[0]
    app = Starlette(routes=[*answers(), *page.routes(page.folder())])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            told = measured(browser.new_page(), f"http://localhost:{port}")
            browser.close()
    finally:
        server.should_exit = True
        serving.join()
    cells, changed = CHUNKS * len(RENDITIONS), CHANGES * TIMES_A_SECOND
    print(f"first load, compressed: {told['first_load_bytes'] / 1000:.1f} kB")
    print(f"map of {cells} cells, {changed} changes a second: {told['fps']:.1f} frames a second", end="; ")
    print(f"99 of 100 frames within {told['worst']:.1f} ms")


if __name__ == "__main__":
    main()
