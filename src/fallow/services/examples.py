"""What the API's description shows as examples of its answers."""

from __future__ import annotations

from typing import Any

_FIGURES: dict[str, Any] = {
    "id": "3f1c9a7e5b2d4c6f8a01",
    "name": "talk.mov",
    "state": "encoding",
    "paused": False,
    "priority": "normal",
    "owner": "",
    "created": 1760000000.0,
    "updated": 1760000012.5,
    "error": "",
    "frames_done": 1656,
    "frames_total": 3600,
    "progress": 0.46,
    "fps": 61.0,
    "eta": 31.9,
    "wall_seconds": 29.5,
    "cpu_seconds": 29.1,
    "joules": 5400.0,
    "known_by": ["rapl"],
    "size": None,
    "duration": 60.0,
    "play_url": None,
}
SUMMARY: dict[str, Any] = {**_FIGURES, "renditions": ["720p"]}
JOB: dict[str, Any] = {
    **_FIGURES,
    "error_kind": "",
    "source": None,
    "options": {"container": "mp4", "chunk_seconds": 10.0, "priority": "normal"},
    "renditions": [
        {
            "name": "720p",
            "state": "encoding",
            "chunks_done": 5,
            "chunks_total": 12,
            "frames_done": 1656,
            "frames_total": 3600,
            "fps": 61.0,
            "size": None,
            "result_url": None,
            "facts": None,
        }
    ],
    "tasks_running": [
        {
            "task": "3f1c9a7e5b2d4c6f8a01.video.720p.00005",
            "kind": "video",
            "rendition": "720p",
            "number": 5,
            "worker": "8f14e45fceea167a",
            "worker_name": "local-1",
            "frames": 300,
            "done_frames": 156,
            "fps": 33.0,
        }
    ],
    "shares": [
        {
            "worker": "8f14e45fceea167a",
            "name": "local-1",
            "tasks": 3,
            "frames": 900,
            "wall_seconds": 29.5,
            "cpu_seconds": 29.1,
            "bytes_in": 4000000,
            "bytes_out": 1500000,
        }
    ],
    "warnings": [],
    "fetched": None,
    "waits": "",
}
_CREW = [{"id": "8f14e45fceea167a", "name": "local-1"}]
MAP: dict[str, Any] = {
    "chunks": 6,
    "renditions": ["720p"],
    "cells": {"720p": "ddlqr."},
    "workers": _CREW,
    "at": {"720p": {"2": [0, 0.52]}},
}
CHUNK: dict[str, Any] = {
    "state": "done",
    "frames": 250,
    "bytes": 812345,
    "error": "",
    "attempts": [
        {
            "worker": "8f14e45fceea167a",
            "worker_name": "local-1",
            "number": 1,
            "started": 1760000002.0,
            "ended": 1760000010.2,
            "outcome": "delivered",
            "error": "",
            "fps": 31.2,
            "wall_seconds": 8.0,
            "cpu_seconds": 7.9,
        }
    ],
}
TIMELINE: dict[str, Any] = {
    "workers": _CREW,
    "spans": [[0, "video", "720p", 0, 1760000002.0, 1760000010.2, "delivered"]],
}
FAILURES: dict[str, Any] = {
    "failures": [
        {
            "task": "3f1c9a7e5b2d4c6f8a01.video.720p.00004",
            "kind": "video",
            "rendition": "720p",
            "number": 4,
            "worker_name": "Ann's phone",
            "at": 1760000010.2,
            "outcome": "expired",
            "error": "The worker was not heard of for 30 s.",
        }
    ]
}


def shown(example: dict[str, Any]) -> dict[str, Any]:
    """What a dataclass's `__pydantic_config__` says to have this as its example."""
    return {"json_schema_extra": {"examples": [example]}}
