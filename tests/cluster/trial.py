"""A number of jobs while everything is killed, and whether that did them any harm."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cluster.backends import Backends
from cluster.chaos import KINDS, Chaos, victims
from cluster.services import API_TOKEN, Layout, Services
from cluster.work import Door, Order, examine, order
from fallow.adapters.object_url import open_store

# A killed worker costs an attempt; nobody waits long for those that have no connection to the broker; and a source
# that were kept after its job's end would look like an orphan.
SETTINGS = {"FALLOW_ATTEMPTS": "100", "FALLOW_LEASE_SECONDS": "6", "FALLOW_SOURCE_DAYS": "0"}
SWEPT_SECONDS = 90.0  # until the sweeper has looked for objects that nobody owns


@dataclass(frozen=True)
class Plan:
    """What is to be tried."""

    seed: int
    jobs: int = 30  # or more, until one of each kind has been killed
    at_once: int = 6
    every: float = 3.0  # seconds between two kills, about
    stall: float = 180.0  # seconds without any step forward, after which jobs count as lost


@dataclass
class Report:
    """What came of it; nothing has gone wrong while `faults` is empty."""

    wall: float = 0.0  # seconds
    jobs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind of task and outcome
    orphans: int = 0  # objects that were there until they were swept away
    faults: list[str] = field(default_factory=list)


def trial(backends: Backends, folder: Path, plan: Plan, layout: Layout) -> Report:
    """The folder keeps everybody's log."""
    dice, report, begun = random.Random(plan.seed), Report(), time.monotonic()
    progress = Progress(plan.stall)
    urls = backends.fresh()
    with Services(folder, urls, layout, SETTINGS) as services:
        door = Door(services.gateways, API_TOKEN)
        with Chaos(victims(backends, services), dice, plan.every) as chaos:
            wanted = _orders(plan, dice, chaos)
            jobs = _done(door, wanted, plan.at_once, progress)
        report.wall, report.jobs = time.monotonic() - begun, len(jobs)
        report.kills, report.faults = chaos.kills, chaos.faults
        for one, job in jobs.items():
            result = examine(door, one, job, folder)
            report.outcomes += result.outcomes
            report.faults += result.faults
        results = sum(len(one.profiles) for one in jobs)
        _look_for_orphans(services, urls["FALLOW_STORE_URL"], results, report)
    return report


class Progress:
    """When anything was last seen to move: how long all takes depends on the machine, and on who else uses it."""

    def __init__(self, stall: float) -> None:
        self._stall, self._moved = stall, time.monotonic()
        self._steps: dict[str, object] = {}

    def note(self, job: str, step: object) -> None:
        if self._steps.get(job) != step:
            self._steps[job], self._moved = step, time.monotonic()

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self._moved > self._stall


def _orders(plan: Plan, dice: random.Random, chaos: Chaos) -> Iterator[Order]:
    """As many as the plan has, and on until somebody of each kind has been killed."""
    for number in itertools.count():
        if number >= plan.jobs and set(chaos.kills) == set(KINDS):
            return
        yield order(number, dice, f"chaos-{plan.seed}")


def _done(door: Door, wanted: Iterator[Order], at_once: int, progress: Progress) -> dict[Order, str]:
    """Some jobs at a time, each submitted and waited for while anything moves; the ids of all."""
    jobs: dict[Order, str] = {}
    turn = threading.Lock()

    def following() -> Order | None:
        with turn:
            return None if progress.stalled else next(wanted, None)

    def some(_: int) -> None:
        while one := following():
            jobs[one] = job = one.submit(door)
            while not (view := door.view(job)).ended and not progress.stalled:
                progress.note(job, (view.state, [(part.chunks_done, part.result_url) for part in view.renditions]))
                time.sleep(0.5)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(some, range(at_once)))
    return jobs


def _look_for_orphans(services: Services, url: str, results: int, report: Report) -> None:
    """Objects that no result is made of go away, sooner or later; results stay."""
    found = asyncio.run(_objects(url))
    report.orphans = sum("/results/" not in key for key in found) + max(0, _results(found) - results)
    if report.orphans:
        sweeper = services.processes["sweeper-1"]  # looks for them soon after its start
        sweeper.kill()
        sweeper.restart()
        end = time.monotonic() + SWEPT_SECONDS
        while len(found) > results and time.monotonic() < end:
            time.sleep(1)
            found = asyncio.run(_objects(url))
    if len(found) != results or _results(found) != results:
        report.faults.append(f"The store has {len(found)} objects instead of {results} results: {sorted(found)}")


def _results(keys: list[str]) -> int:
    return sum("/results/" in key for key in keys)


async def _objects(url: str) -> list[str]:
    store = open_store(url)
    return [facts.key async for facts in store.list("jobs/")]
