"""The platform as one process, guests that come and go, and jobs one after another; what is left of all of it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sqlite3
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clips.library import CLIPS, build
from cluster.process import Process
from cluster.services import outside
from cluster.trial import Progress
from cluster.work import CONTAINERS, SOURCES, Door, Order, examine, profile
from fallow.pipeline.job_options import PRIORITIES, Options
from paced import paced
from servers import free_ports
from soak.guests import Guest
from soak.processes import Held, held, of_folder

# A chunk of a second takes two, and hardly any of the processors' time.
PROFILE, SPEED = profile("240p", "preset=faster"), {"-preset:v faster": 0.5}
CANCELLED = 0.1  # of the jobs, in their middle; and they are removed then
END_SECONDS = 120.0  # until all that is told to end has ended, and what nobody owns is swept away
MEMORY, FILES = 4 << 20, 16  # by which an agent may grow, once it is warm; while it works it has ten files
WARM = 0.2  # of the time


@dataclass(frozen=True)
class Plan:
    """What is to be tried."""

    seed: int
    seconds: float
    agents: int = 8  # one of which stays
    at_once: int = 3  # jobs
    every: float = 12.0  # seconds between two deeds of an agent, about
    pause: float = 5.0  # seconds between a job's end and the next one's begin
    stall: float = 180.0  # seconds without any step forward, after which jobs count as lost


@dataclass
class Report:
    """What came of it; nothing has gone wrong while `faults` is empty."""

    done: int = 0
    cancelled: int = 0
    lost: int = 0
    inexact: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind of task and outcome
    processes: dict[int, str] = field(default_factory=dict)  # left at the end
    files: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    leases: int = 0
    held: dict[str, list[Held]] = field(default_factory=dict)  # by who lived the whole time
    faults: list[str] = field(default_factory=list)

    def growth(self, name: str) -> tuple[int, int]:
        """Bytes and open files by which it grew from when it was warm: medians of a while then, and at the end."""
        told = self.held[name]
        span = told[-1].at - told[0].at
        early = [one for one in told if WARM <= (one.at - told[0].at) / span <= 2 * WARM]
        late = [one for one in told if (one.at - told[0].at) / span >= 1 - WARM]
        by = [statistics.median(one.memory for one in some) for some in (early or told[:1], late)]
        files = [statistics.median(one.files for one in some) for some in (early or told[:1], late)]
        return round(by[1] - by[0]), round(files[1] - files[0])


def trial(folder: Path, plan: Plan) -> Report:
    """The folder keeps everybody's log."""
    report = Report()
    (port,) = free_ports(1)
    platform = _platform(folder, port)
    guests: list[Guest] = []
    try:
        platform.restart()
        told = {**outside(), "FALLOW_TOKEN": "for-workers", "FALLOW_FFMPEG": paced(SPEED)}
        url = f"http://127.0.0.1:{port}"
        guests += [Guest(f"agent-{n + 1}", url, folder, told, plan.seed) for n in range(plan.agents)]
        with _lives(guests, plan) as over, _watched({"platform": platform, "agent-1": guests[0].process}, report):
            jobs = _Jobs(Door([url], ""), folder, plan, report)
            jobs.run(plan.seconds, over)
        for guest in guests:
            report.deeds += guest.deeds
            report.faults += guest.faults
        _look_at_store(platform, folder, report)
        if code := platform.stop(END_SECONDS):
            report.faults.append(f"The platform ended with {code}.")
    finally:
        for process in (platform, *(guest.process for guest in guests)):
            process.kill()
    _look_at_rest(folder, report)
    _judge(report)
    return report


def _platform(folder: Path, port: int) -> Process:
    told = {
        "FALLOW_DATA": str(folder / "data"),
        "FALLOW_PORT": str(port),
        "FALLOW_TOKEN": "for-workers",
        "FALLOW_WORKERS": "0",
        "FALLOW_LOG": "json",
        "FALLOW_LEASE_SECONDS": "6",
        "FALLOW_ATTEMPTS": "100",
        "FALLOW_SOURCE_DAYS": "0",
    }
    return Process("platform", [sys.executable, "-m", "fallow", "up"], folder, {**outside(), **told}, port)


@contextmanager
def _lives(guests: list[Guest], plan: Plan) -> Iterator[threading.Event]:
    """All of them live until the event; then they are awake and plugged in, do what is left, and leave."""
    over = threading.Event()
    with ThreadPoolExecutor(len(guests)) as pool:
        lives = [
            pool.submit(guest.live, over, plan.every, stays=number == 0) for number, guest in enumerate(guests)
        ]
        try:
            yield over
        finally:
            over.set()
        for life in lives:
            life.result()
        list(pool.map(Guest.leave, guests))


@contextmanager
def _watched(processes: dict[str, Process], report: Report) -> Iterator[None]:
    """What they hold, from time to time."""
    over, begun = threading.Event(), time.monotonic()

    def watch() -> None:
        while not over.wait(2.0):
            for name, process in processes.items():
                if process.alive and (now := held(process.pid, time.monotonic() - begun)):
                    report.held.setdefault(name, []).append(now)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


class _Jobs:
    """Some at a time, each submitted, waited for while anything moves, and looked at."""

    def __init__(self, door: Door, folder: Path, plan: Plan, report: Report) -> None:
        self._door, self._folder, self._plan, self._report = door, folder, plan, report
        self._dice, self._numbers = random.Random(plan.seed), itertools.count()
        self._turn, self._progress = threading.Lock(), Progress(plan.stall)
        self._end = 0.0

    def run(self, seconds: float, over: threading.Event) -> None:
        """`over` is set when the last one is submitted: from then on nobody leaves."""
        self._end = time.monotonic() + seconds
        with ThreadPoolExecutor(self._plan.at_once) as pool:
            running = [pool.submit(self._some) for _ in range(self._plan.at_once)]
            over.wait(seconds)
            over.set()
            for one in running:
                one.result()

    def _some(self) -> None:
        while time.monotonic() < self._end and not self._progress.stalled:
            with self._turn:
                order, cancelled = self._order(next(self._numbers)), self._dice.random() < CANCELLED
            self._one(order, cancelled)
            time.sleep(self._plan.pause)

    def _order(self, number: int) -> Order:
        clip = next(clip for clip in CLIPS if clip.name == SOURCES[number % len(SOURCES)])
        options = Options(self._dice.choice(list(CONTAINERS)), 1.0, priority=self._dice.choice(PRIORITIES))
        return Order(f"soak-{number}", build([clip])[clip.name], (PROFILE,), options)

    def _one(self, order: Order, cancelled: bool) -> None:
        job = order.submit(self._door)
        while not (view := self._door.view(job)).ended and not self._progress.stalled:
            self._progress.note(job, (view.state, [(one.chunks_done, one.result_url) for one in view.renditions]))
            if cancelled and view.renditions[0].chunks_done:
                return self._call_off(job)
            time.sleep(0.5)
        return self._look_at(order, job, view.state)

    def _call_off(self, job: str) -> None:
        self._report.cancelled += 1
        self._door.ask(lambda client: client.cancel(job))
        self._door.ask(lambda client: client.remove(job))

    def _look_at(self, order: Order, job: str, state: str) -> None:
        seen = self._folder / "results" / job
        seen.mkdir(parents=True)
        found = examine(self._door, order, job, seen)
        shutil.rmtree(seen)
        with self._turn:
            self._report.done += state == "done"
            self._report.lost += state != "done"
            self._report.inexact += bool(found.faults)
            self._report.outcomes += found.outcomes
            self._report.faults += found.faults


def _look_at_store(platform: Process, folder: Path, report: Report) -> None:
    """Sooner or later only results are there: the sweeper looks for others soon after its start."""
    platform.stop(END_SECONDS)
    platform.restart()
    end = time.monotonic() + END_SECONDS
    while (found := _objects(folder)) and time.monotonic() < end:
        time.sleep(1)
    report.objects = found


def _objects(folder: Path) -> list[str]:
    """Files of the store that are no result."""
    store = folder / "data" / "blobs"
    # Not rglob, which fails at a folder that is swept away meanwhile.
    paths = [Path(base, name) for base, _, names in os.walk(store) for name in names]
    return [name for path in paths if "/results/" not in (name := str(path.relative_to(store)))]


def _look_at_rest(folder: Path, report: Report) -> None:
    """Of who has ended: processes that others started, and files."""
    end = time.monotonic() + 10
    while (left := of_folder(folder)) and time.monotonic() < end:
        time.sleep(0.2)
    report.processes = left
    places = [path for name in ("tmp", "state/agents") for path in folder.glob(f"*/{name}/*")]
    report.files = [str(path.relative_to(folder)) for path in places]
    with closing(sqlite3.connect(folder / "data" / "fallow.db")) as ledger:
        (report.leases,) = ledger.execute("SELECT count(*) FROM attempts WHERE ended IS NULL").fetchone()


def _judge(report: Report) -> None:
    """What should not be there."""
    left = {"processes": report.processes, "files": report.files, "objects": report.objects}
    report.faults += [f"There are {name} left: {some}" for name, some in left.items() if some]
    if report.leases:
        report.faults.append(f"{report.leases} leases are still open.")
    memory, files = report.growth("agent-1")
    if memory > MEMORY or files > FILES:
        report.faults.append(f"agent-1 grew by {memory >> 10} KiB and {files} open files.")
