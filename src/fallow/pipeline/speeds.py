"""How fast workers say that they are, and how long that makes a task take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fallow.model import TaskKind
from fallow.recipe import speed_class, speed_of
from fallow.records import Task

LATELY = 600.0  # seconds since somebody asked for work
MOST = 5000  # workers that are remembered

Speeds = Mapping[str, float]
"""Megapixels a second, as in messages.LeaseRequest."""


def work_of(recipe: Mapping[str, Any]) -> float:
    """Megapixels of all its frames."""
    return float(recipe["frames"] * recipe["width"] * recipe["height"]) / 1e6


def seconds_of(task: Task, speeds: Speeds) -> float:
    """That it takes who is so fast; without end, when nobody knows."""
    speed = _speed(task, speeds)
    return work_of(task.spec.recipe) / speed if speed > 0 else math.inf


def _speed(task: Task, speeds: Speeds) -> float:
    recipe = task.spec.recipe
    if task.spec.kind is not TaskKind.VIDEO:
        return 0.0
    of_class = ""
    if not recipe.get("against"):
        encoder = recipe["encoder"]
        of_class = speed_class(encoder["codec"], encoder["preset"], recipe["width"], recipe["height"])
    return speed_of(speeds, task.spec.encoder, of_class)


@dataclass
class Fleet:
    """Who has asked this process for work of late."""

    _known: dict[str, tuple[float, Speeds]] = field(default_factory=dict)

    def note(self, worker: str, speeds: Speeds, now: float) -> None:
        if not speeds:
            return
        self._known.pop(worker, None)
        self._known[worker] = (now, speeds)
        while len(self._known) > MOST or next(iter(self._known.values()))[0] < now - LATELY:
            self._known.pop(next(iter(self._known)))

    def usual(self, task: Task) -> float:
        """Seconds that it takes a worker such as those by whom most is done; without end, when nobody knows."""
        found = [speed for _, speeds in self._known.values() if (speed := _speed(task, speeds)) > 0]
        if not found:
            return math.inf
        # The mean of what each unit of work is done at: many slow devices do not hide a few fast ones.
        return work_of(task.spec.recipe) * sum(found) / sum(speed * speed for speed in found)
