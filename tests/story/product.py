"""Runs the product on many clips at once, as a person would."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clips.library import build
from clips.maker import Clip

SUFFIXES = {"mp4": "mp4", "matroska": "mkv", "mpegts": "ts"}


@dataclass(frozen=True)
class Made:
    """What became of one clip."""

    source: Path
    result: Path
    error: str  # "" when there is a result
    warnings: tuple[str, ...] = ()


def encode(clips: Sequence[Clip], folder: Path, container: str, *options: str) -> dict[str, Made]:
    """All clips in one command; done once for all test processes that share the folder."""
    with _alone(folder):
        report = folder / "report.json"
        if not report.exists():
            report.write_text(json.dumps(_run(clips, folder, container, *options)))
        told = json.loads(report.read_text())
    made = {}
    for clip, item in zip(clips, told["inputs"], strict=True):
        result = folder / f"{clip.name}.240p.{SUFFIXES[container]}"
        error = item.get("error", {}).get("message", "")
        made[clip.name] = Made(Path(item["input"]), result, error, tuple(item.get("warnings", ())))
    return made


def _run(clips: Sequence[Clip], folder: Path, container: str, *options: str) -> Any:
    paths = build(clips)
    command = [sys.executable, "-m", "fallow", "encode", *(str(paths[clip.name]) for clip in clips)]
    command += ["-p", "240p", "--chunk-seconds", "2", "--container", container, "-o", f"{folder}{os.sep}", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise AssertionError(f"fallow encode ended with {done.returncode} and said nothing:\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout)
    if "inputs" not in told:
        raise AssertionError(f"fallow encode refused everything: {told}")
    return told


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
