"""How fast this worker is, by what it did of late."""

from __future__ import annotations

import threading

from fallow.catalogue import MEASURE
from fallow.recipe import Recipe, VideoRecipe

MEMORY = 0.5  # what is known of before weighs so much against what was measured last
LEAST_LEAD = 1.0  # seconds before the end of an encode at which the next task is asked for, plus twice what
LONGEST_LEAD = 20.0  # fetching took the last time


def work_of(recipe: Recipe) -> tuple[str, float]:
    """What its time depends on: the encoder, and megapixels times frames; 0 of what nobody can tell."""
    if not isinstance(recipe, VideoRecipe):
        return "", 0.0
    return (MEASURE if recipe.against else recipe.encoder.codec), recipe.frames * recipe.width * recipe.height / 1e6


class Pace:
    """Of all slots of an agent, each by itself: a slot's speed while the others work, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speeds: dict[str, float] = {}  # megapixels a second, by encoder
        self._fetching = 0.5  # seconds

    @property
    def speeds(self) -> dict[str, float]:
        with self._lock:
            return {encoder: round(speed, 3) for encoder, speed in self._speeds.items()}

    @property
    def lead(self) -> float:
        """Seconds before the end of an encode at which to ask for the next task."""
        return min(LEAST_LEAD + 2 * self._fetching, LONGEST_LEAD)

    def fetched(self, seconds: float) -> None:
        self._fetching = seconds

    def worked(self, recipes: list[Recipe], seconds: float) -> None:
        """So long it took to encode these at once."""
        works = [work_of(recipe) for recipe in recipes]
        encoder, amount = works[0][0], sum(amount for _, amount in works)
        if len({name for name, _ in works}) == 1 and amount > 0 and seconds > 0:
            with self._lock:
                speed = amount / seconds
                before = self._speeds.get(encoder, speed)
                self._speeds[encoder] = MEMORY * before + (1 - MEMORY) * speed

    def seconds(self, recipes: list[Recipe]) -> float | None:
        """How long these should take; None when there is no telling."""
        works = [work_of(recipe) for recipe in recipes]
        with self._lock:
            known = [amount / self._speeds[name] for name, amount in works if name in self._speeds and amount]
        return sum(known) if len(known) == len(works) else None
