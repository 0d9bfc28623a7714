"""Builds of FFmpeg whose parts do not fit to those that a rendition has: they get no more of it for a while.

Parts with other parameter sets cannot be joined, and are refused. What was accepted first decides which ones fit;
without this, workers of another build would encode a rendition's chunks in vain until its job fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fallow.model import TaskKind, Worker
from fallow.records import Task

PATIENCE = 1800.0  # seconds; then they try again, as those that fit may be gone: better a reason than no end


def build_of(machine: Mapping[str, object]) -> str:
    """As it stands with the parts of such a worker; "": it does not tell."""
    version, digest = machine.get("ffmpeg", ""), machine.get("ffmpeg_build", "")
    return f"{version} build {digest}" if digest else str(version)


@dataclass
class Misfits:
    """As far as this process has seen; another one learns it from one part of its own."""

    _until: dict[tuple[str, str, str], float] = field(default_factory=dict)  # by job, rendition and build

    def note(self, task: Task, build: str, now: float) -> None:
        if build:
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._until[task.spec.job, task.spec.rendition, build] = now + PATIENCE

    def bar(self, worker: Worker, task: Task, now: float) -> bool:
        """Whether this task is for others."""
        if not self._until or task.spec.kind is not TaskKind.VIDEO:
            return False
        key = (task.spec.job, task.spec.rendition, build_of(worker.machine))
        return now < self._until.get(key, 0.0)
