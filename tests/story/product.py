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
    """All clips in a few commands; done once for all test processes that share the folder."""
    with _alone(folder):
        report = folder / "report.json"
        if not report.exists():
            paths = build(clips)
            run = _Run(folder, container, options)
            slices = [clips[at : at + _AT_ONCE] for at in range(0, len(clips), _AT_ONCE)]
            told = [item for some in slices for item in run.items(paths, some)]
            report.write_text(json.dumps(told))
        told = json.loads(report.read_text())
    made = {}
    for clip, item in zip(clips, told, strict=True):
        result = folder / f"{clip.name}.240p.{SUFFIXES[container]}"
        error = item.get("error", {}).get("message", "")
        made[clip.name] = Made(Path(item["input"]), result, error, tuple(item.get("warnings", ())))
    return made


_AT_ONCE = 16  # clips in one command: starting the platform costs as much as a clip or two


@dataclass(frozen=True)
class _Run:
    """One way to call the product."""

    folder: Path
    container: str
    options: tuple[str, ...]

    def items(self, paths: dict[str, Path], clips: Sequence[Clip]) -> list[Any]:
        """What was told of each clip; when a command fails as a whole, each is tried alone."""
        told, failure = self._command([paths[clip.name] for clip in clips])
        if told:
            return told
        if len(clips) == 1:
            return [{"input": str(paths[clips[0].name]), "error": {"message": failure}}]
        return [item for clip in clips for item in self.items(paths, [clip])]

    def _command(self, inputs: Sequence[Path]) -> tuple[list[Any], str]:
        command = [
            sys.executable,
            "-m",
            "fallow",
            "encode",
            *map(str, inputs),
            "-p",
            "240p",
            "--chunk-seconds",
            "2",
        ]
        command += ["--container", self.container, "-o", f"{self.folder}{os.sep}", "--json", *self.options]
        home = {**os.environ, "FALLOW_STATE": str(self.folder / "state")}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=home, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return [], f"fallow encode did not end within {_PATIENCE} s"
        told = json.loads(done.stdout or "{}")
        said = told.get("error", {}).get("message") or done.stderr[-2000:]
        return told.get("inputs", []), f"fallow encode ended with {done.returncode}: {said}"


_PATIENCE = 1500  # seconds for one command, which may encode a hundred clips


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
