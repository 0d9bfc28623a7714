"""What one FFmpeg does: an attempt, or several at renditions of the same chunk."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence

from fallow import log
from fallow.errors import EncoderFailed, FallowError, Rejected
from fallow.ffmpeg.commands import alike
from fallow.recipe import VideoRecipe
from fallow.worker.attempt import Attempt
from fallow.worker.energy import Account, Burnt
from fallow.worker.means import Means
from fallow.worker.pace import Pace
from fallow.worker.part import Part
from fallow.worker.stream import Stream


class Unit:
    """Fetched ahead, made, and then settled while the next one is made."""

    def __init__(self, attempts: Sequence[Attempt], means: Means, pace: Pace) -> None:
        self._means = means
        self._pace = pace
        self._begun = 0.0
        self._account = Account()  # of energy
        self.fetched = False
        last = any(attempt.grant.last for attempt in attempts)
        threads = max(means.threads, means.cores) if last else means.threads
        self._recipes = [attempt.recipe for attempt in attempts]
        works = [(attempt.grant, recipe) for attempt, recipe in zip(attempts, self._recipes, strict=True)]
        self._bytes = max(works[0][0].get_bytes, 1)
        self._stream = Stream(works, means, threads)
        self._pairs = list(zip(attempts, self._stream.parts, strict=True))
        for attempt, part in self._pairs:
            attempt.attach(part)

    def fetch(self) -> None:
        """Have its object at hand when it is to begin."""
        self.fetched, began = True, time.monotonic()
        self._stream.fetch()
        self._pace.fetched(time.monotonic() - began)

    def halt(self) -> None:
        self._stream.halt()
        self._means.energy.leave(self._account)

    def go_on(self) -> None:
        self._stream.go_on()
        if self._begun:
            self._means.energy.enter(self._account)

    def give_back(self, why: str) -> None:
        for attempt, _ in self._pairs:
            attempt.give_back(why)

    @property
    def begun(self) -> bool:
        """Whether an FFmpeg was at it already: such a one is made, even by who begins nothing any more."""
        return any(attempt.begun is not None for attempt, _ in self._pairs)

    @property
    def left(self) -> float | None:
        """About how many seconds its FFmpeg has still to do; None when there is no telling yet."""
        spent, done = self._spent, self._done
        if done > 0:
            return spent * (1 - done) / done
        expected = self._pace.seconds(self._recipes)
        return None if expected is None else max(expected - spent, 0.0)

    @property
    def _spent(self) -> float:
        """Seconds that its FFmpeg has worked."""
        return time.monotonic() - self._begun - self._stream.halted_seconds

    @property
    def _done(self) -> float:
        """The share that is done."""
        recipe = self._recipes[0]
        if not isinstance(recipe, VideoRecipe):
            return min(self._stream.bytes_in / self._bytes, 1.0)
        frames = [part.frames for part in self._stream.parts if part.failure is None]
        return min(min(frames, default=0) / recipe.frames, 1.0)

    def make(self) -> Sequence[Unit]:
        """Up to the end of FFmpeg. What cannot be done at once is left to other units."""
        wanted = [attempt for attempt, _ in self._pairs if attempt.begin()]
        if len(wanted) < len(self._pairs):
            self._stream.close()
            self._pairs = []
            return [Unit(wanted, self._means, self._pace)] if wanted else ()
        with log.about(**wanted[0].names):
            return self._make()

    def _make(self) -> Sequence[Unit]:
        self._begun = time.monotonic()
        self._means.energy.enter(self._account)
        try:
            self._stream.make()
        except Exception as error:
            # A slot must outlive a fault in this program: the others' work is not its fault.
            log.trouble("lease.fault", traceback.format_exc())
            self._stream.stop(EncoderFailed(f"The worker has a fault: {error!r}."))
        self._reckon(self._spent)
        return self._alone(self._stream.undecided) if self._stream.undecided else ()

    def _reckon(self, seconds: float) -> None:
        burnt = self._means.energy.settle(self._account)
        self._means.traffic.add(self._stream.bytes_in + sum(part.size for _, part in self._pairs))
        for attempt, part in self._pairs:
            attempt.wall_seconds += seconds * part.share
            attempt.cpu_seconds += self._stream.cpu_seconds * part.share
            attempt.burn(Burnt(burnt.joules * part.share, burnt.meter))
            attempt.bytes_in += int(self._stream.bytes_in * part.share)
        if all(part.failure is None for _, part in self._pairs):
            self._pace.worked(self._recipes, seconds)

    def _alone(self, error: FallowError) -> Sequence[Unit]:
        """One for each that may be good."""
        log.trouble("unit.divided", str(error), tasks=len(self._pairs))
        again = [attempt for attempt, part in self._pairs if part.failure is error]
        self._pairs = [pair for pair in self._pairs if pair[0] not in again]
        return [Unit([attempt], self._means, self._pace) for attempt in again]

    def settle(self, told: Callable[[FallowError | None], None]) -> list[threading.Thread]:
        """See to the rest of every attempt, in a thread of its own; how each went is told."""

        def rest(attempt: Attempt, part: Part) -> None:
            told(attempt.settle(part))

        threads = [threading.Thread(target=rest, args=pair, name="settler", daemon=True) for pair in self._pairs]
        for thread in threads:
            thread.start()
        return threads


def units(attempts: Sequence[Attempt], means: Means, pace: Pace) -> list[Unit]:
    """In their order, those together that one FFmpeg can do. What makes no sense fails at once."""
    groups: list[list[Attempt]] = []
    for attempt in attempts:
        try:
            attempt.recipe  # noqa: B018 (is it one?)
        except Rejected as error:
            attempt.fail(error)
            continue
        if groups and _fit(groups[-1][0], attempt):
            groups[-1].append(attempt)
        else:
            groups.append([attempt])
    return [Unit(group, means, pace) for group in groups]


def _fit(one: Attempt, other: Attempt) -> bool:
    if one.grant.attempt > 1 or other.grant.attempt > 1:
        return False  # who knows what is wrong with it
    a, b = one.recipe, other.recipe
    same = (one.grant.get_sha256, one.grant.get_bytes) == (other.grant.get_sha256, other.grant.get_bytes)
    return same and isinstance(a, VideoRecipe) and isinstance(b, VideoRecipe) and alike(a, b)
