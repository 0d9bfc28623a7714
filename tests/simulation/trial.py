"""One simulation: a batch of films on many devices, from its submission to its end or a time limit."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from fallow.pipeline.context import Policy
from simulation.devices import Crowd
from simulation.metered import writes
from simulation.population import HOUR, Nature
from simulation.virtual_time import VirtualClock, run
from simulation.world import Film, World, world

LOOK_EVERY = 1.0  # virtual seconds
COUNTS = ("leases", "delivered", "late", "stopped", "abandoned", "given_back", "polls", "work", "spent")

Ledger = Callable[[Callable[[], float]], AbstractAsyncContextManager[Any]]
"""Opens a ledger whose time is that of the function."""


@dataclass(frozen=True)
class Trial:
    """What is tried."""

    devices: int
    films: tuple[Film, ...]
    policy: Policy
    hour: float = 3.0  # of the day at which it begins
    limit: float = 24 * HOUR  # virtual seconds after which it is broken off
    helpers: int = 1  # splitters, and joiners
    seed: int = 1
    nature: Callable[[int], Nature] = Nature  # of the devices


@dataclass
class Result:
    """What became of it."""

    done: bool = False
    makespan: float = 0.0  # seconds
    floor: float = 0.0  # seconds
    films: list[float] = field(default_factory=list)  # seconds until each was done, in their order
    there: float = 0.0  # devices, in the mean
    working: float = 0.0
    waiting: int = 0  # messages in the queue, at most
    seconds: float = 0.0  # in which the following was counted: all, or the second half of what was broken off
    calls: Counter[str] = field(default_factory=Counter)  # of the ledger
    writes: int = 0
    counts: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0  # real seconds

    @property
    def ratio(self) -> float:
        return self.makespan / self.floor if self.floor else float("nan")


def carry_out(trial: Trial, ledger: Ledger) -> Result:
    """In virtual time."""
    return run(_carried_out(trial, ledger))


async def _carried_out(trial: Trial, ledger: Ledger) -> Result:
    begun, loop = time.monotonic(), asyncio.get_running_loop()
    loop.advance(trial.hour * HOUR)  # type: ignore[attr-defined]
    async with ledger(VirtualClock().now) as opened, world(opened, trial.policy, trial.helpers) as made:
        crowd = Crowd(made, trial.nature(trial.seed))
        result = await _Watch(made, crowd, trial).result()
        await crowd.disperse()
    result.wall = time.monotonic() - begun
    return result


class _Watch:
    """Looks on while a batch is carried out."""

    def __init__(self, made: World, crowd: Crowd, trial: Trial) -> None:
        self._world, self._crowd, self._trial = made, crowd, trial
        self._result = Result()
        self._times: list[float] = []
        self._capacities: list[float] = []

    async def result(self) -> Result:
        loop, crowd, found = asyncio.get_running_loop(), self._crowd, self._result
        jobs = [await self._world.submit(film) for film in self._trial.films]
        began, before = loop.time(), crowd.counted()
        since, calls, counts = self._counts()
        crowd.populate(self._trial.devices)
        ended: dict[str, float] = {}
        while len(ended) < len(jobs) and loop.time() - began < self._trial.limit:
            await asyncio.sleep(LOOK_EVERY)
            if since == began and loop.time() - began > self._trial.limit / 2:
                since, calls, counts = self._counts()
            await self._look(loop.time() - began, crowd.counted() - before)
            open_jobs = set(await self._world.unfinished())
            ended |= {job: loop.time() - began for job in jobs if job not in open_jobs and job not in ended}
        found.done = len(ended) == len(jobs)
        found.films = [ended.get(job, float("inf")) for job in jobs]
        found.makespan = loop.time() - began
        found.floor = self._floor()
        now, last, ends = self._counts()
        found.seconds, found.calls = now - since, last - calls
        found.writes = writes(found.calls)
        found.counts = {name: ends[name] - counts[name] for name in COUNTS}
        return found

    def _counts(self) -> tuple[float, Counter[str], dict[str, float]]:
        crowd = self._crowd
        now, calls = asyncio.get_running_loop().time(), Counter(self._world.ledger.calls)
        return now, calls, {name: vars(crowd)[name] for name in COUNTS}

    async def _look(self, since: float, capacity: float) -> None:
        found, number = self._result, len(self._times)
        self._times.append(since)
        self._capacities.append(capacity)
        found.waiting = max(found.waiting, await self._world.waiting())
        found.there += (self._crowd.there - found.there) / (number + 1)
        found.working += (self._crowd.working - found.working) / (number + 1)

    def _floor(self) -> float:
        """When all that were there could have been done with what was done, had they known what to do."""
        place = bisect_left(self._capacities, self._crowd.work)
        whole = self._times[min(place, len(self._times) - 1)]
        return max(whole, self._crowd.longest / self._crowd.fastest)
