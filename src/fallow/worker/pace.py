"""How fast this worker is, by what it did of late, or by its trials until it has done something."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from fallow.catalogue import MEASURE
from fallow.recipe import Recipe, VideoRecipe, speed_class, speed_of

MEMORY = 0.5  # what is known of before weighs so much against what was measured last
LEAST_LEAD = 1.0  # seconds before the end of an encode at which the next task is asked for, plus twice what
LONGEST_LEAD = 20.0  # fetching took the last time


def work_of(recipe: Recipe) -> tuple[str, float]:
    """What its time depends on: the encoder, and megapixels times frames; 0 of what nobody can tell."""
    if not isinstance(recipe, VideoRecipe):
        return "", 0.0
    return (MEASURE if recipe.against else recipe.encoder.codec), recipe.frames * recipe.width * recipe.height / 1e6


def class_of(recipe: Recipe) -> str:
    """What its time depends on more closely; "" where that is the encoder alone."""
    if not isinstance(recipe, VideoRecipe) or recipe.against:
        return ""
    return speed_class(recipe.encoder.codec, recipe.encoder.preset, recipe.width, recipe.height)


class Pace:
    """Of all slots of an agent, each by itself: a slot's speed while the others work, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speeds: dict[str, float] = {}  # megapixels a second, by encoder and by class
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

    def expect(self, trials: Mapping[str, float]) -> None:
        """By class, until it has done some work. Of other classes of an encoder no better is expected than of the
        slowest."""
        with self._lock:
            for name, speed in sorted(trials.items(), key=lambda one: one[1]):
                self._speeds.setdefault(name, speed)
                self._speeds.setdefault(name.partition(" ")[0], speed)

    def worked(self, recipes: list[Recipe], seconds: float) -> None:
        """So long it took to encode these at once."""
        works = [work_of(recipe) for recipe in recipes]
        encoder, amount = works[0][0], sum(amount for _, amount in works)
        if len({name for name, _ in works}) == 1 and amount > 0 and seconds > 0:
            with self._lock:
                speed = amount / seconds
                before = self._speeds.get(encoder, speed)
                self._speeds[encoder] = MEMORY * before + (1 - MEMORY) * speed
                self._note_classes([class_of(recipe) for recipe in recipes], [one for _, one in works], seconds)

    def _note_classes(self, classes: list[str], works: list[float], seconds: float) -> None:
        """What is encoded at once is all as much quicker or slower than it was expected to be."""
        usual = sum(works) / seconds
        before = {name: self._speeds.get(name, usual) for name in classes if name}
        if len(classes) == sum(map(bool, classes)):
            expected = sum(work / before[name] for name, work in zip(classes, works, strict=True))
            for name, speed in before.items():
                self._speeds[name] = speed * (MEMORY + (1 - MEMORY) * expected / seconds)

    def seconds(self, recipes: list[Recipe]) -> float | None:
        """How long these should take; None when there is no telling."""
        total = 0.0
        for recipe in recipes:
            name, amount = work_of(recipe)
            with self._lock:
                speed = speed_of(self._speeds, name, class_of(recipe)) if amount else 0.0
            if not speed:
                return None
            total += amount / speed
        return total
