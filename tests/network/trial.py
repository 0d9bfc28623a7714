"""A platform in the middle, agents at the ends of bad lines, and jobs whose results are looked at."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from clips.library import CLIPS, build
from cluster.process import Process
from cluster.services import API_TOKEN, JOIN_TOKEN, outside
from cluster.trial import Progress
from cluster.work import SOURCES, Door, Order, examine, profile
from fallow.client import Client
from fallow.errors import FallowError
from fallow.pipeline.job_options import Options
from network.hosts import Network
from network.line import Quality
from paced import paced
from servers import listens

# A chunk of a second takes a second: the better line does not take all.
PROFILE, SPEED = profile("240p", "preset=ultrafast"), {"-preset:v ultrafast": 1.0}
PORT = 8000  # on a host of its own
PATIENCE = 300.0  # seconds without a step forward
STOP_SECONDS = 120.0  # what is under way is finished first, and told by the same line
TROUBLES = ("agent.un", "agent.no-answer", "agent.abandon", "lease.un", "lease.fa", "unit.", "transfer.")


@dataclass(frozen=True)
class Plan:
    """What is to be tried."""

    lines: dict[str, Quality]  # by the name of the agent at its end
    jobs: int = 1
    cut: str = ""  # whose line is cut in the middle of its work, until others are given that
    lease_seconds: float = 10.0


@dataclass
class Report:
    """What came of it; nothing has gone wrong while `faults` is empty."""

    wall: float = 0.0  # seconds
    cut: float = 0.0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind of task and outcome
    troubles: Counter[str] = field(default_factory=Counter)  # that agents tell of
    counted: int = 0  # bytes that were brought to and by attempts that count
    sent: int = 0  # bytes of all packets, lost ones too
    lost: float = 0.0  # of the packets
    faults: list[str] = field(default_factory=list)


def trial(folder: Path, plan: Plan) -> Report:
    """The folder keeps everybody's log."""
    report, network, begun = Report(), Network(plan.lines), time.monotonic()
    with network, ExitStack() as stack:
        platform = _platform(network, folder, plan)
        stack.callback(platform.kill)
        platform.start()
        _until(lambda: listens(PORT, network.address), "It does not come up.")
        ffmpeg = paced(SPEED)
        agents = {name: _agent(name, network, folder, ffmpeg) for name in plan.lines}
        for agent in agents.values():
            stack.callback(agent.kill)
            agent.start()
        door = Door([f"http://{network.address}:{PORT}"], API_TOKEN)
        _until(lambda: len(door.ask(Client.workers)) >= len(agents), "Not all of them come.")
        begun = time.monotonic()
        jobs = {order: order.submit(door) for order in map(_order, range(plan.jobs))}
        if plan.cut:
            report.cut = _cut(network, door, plan, jobs)
        _wait(door, jobs)
        report.wall = time.monotonic() - begun
        for order, job in jobs.items():
            found = examine(door, order, job, folder)
            report.outcomes += found.outcomes
            report.faults += found.faults
        ended = {agent.name: agent.stop(STOP_SECONDS) for agent in (*agents.values(), platform)}
        report.faults += [f"{name} ended with {code}." for name, code in ended.items() if code]
    _count(report, network, folder, agents)
    return report


def _platform(network: Network, folder: Path, plan: Plan) -> Process:
    told = {
        "FALLOW_DATA": str(folder / "data"),
        "FALLOW_HOST": "0.0.0.0",  # noqa: S104
        "FALLOW_PORT": str(PORT),
        "FALLOW_TOKEN": JOIN_TOKEN,
        "FALLOW_API_TOKEN": API_TOKEN,
        "FALLOW_WORKERS": "0",
        "FALLOW_LOG": "json",
        "FALLOW_ATTEMPTS": "100",
        "FALLOW_LEASE_SECONDS": f"{plan.lease_seconds:g}",
    }
    command = [*network.inside(), sys.executable, "-m", "fallow", "up"]
    return Process("platform", command, folder, {**outside(), **told})


def _agent(name: str, network: Network, folder: Path, ffmpeg: str) -> Process:
    url = f"http://{network.middle_of(name)}:{PORT}"
    load = ["--name", name, "--slots", "1", "--threads", "1", "--gate", "off"]
    told = {"FALLOW_TOKEN": JOIN_TOKEN, "FALLOW_FFMPEG": ffmpeg, "FALLOW_LOG": "json"}
    command = [*network.inside(name), sys.executable, "-m", "fallow.worker", url, *load]
    return Process(name, command, folder, {**outside(), **told})


def _order(number: int) -> Order:
    clip = next(clip for clip in CLIPS if clip.name == SOURCES[number % len(SOURCES)])
    return Order(f"job-{number}", build([clip])[clip.name], (PROFILE,), Options("mp4", 1.0))


def _cut(network: Network, door: Door, plan: Plan, jobs: dict[Order, str]) -> float:
    """While that agent encodes, until nobody counts on it any more; how many seconds it was."""
    held: list[str] = []

    def at_work() -> bool:
        running = [one for job in jobs.values() for one in door.view(job).tasks_running]
        held[:] = [one.task for one in running if one.worker_name == plan.cut and one.kind == "video"]
        return bool(held)

    def given_up() -> bool:
        """Its lease has run out, or somebody else was quicker."""
        tasks = [task for job in jobs.values() for task in door.tasks(job) if task["task"] in held]
        return all(any(attempt["outcome"] for attempt in task["attempts"]) for task in tasks)

    _until(at_work, f"{plan.cut} is given nothing.")
    begun = time.monotonic()
    network.change(plan.cut, loss=100.0)
    _until(given_up, f"{plan.cut} is counted on for ever.")
    network.change(plan.cut, loss=plan.lines[plan.cut].loss)
    return time.monotonic() - begun


def _until(condition: Callable[[], bool], told: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, told
        time.sleep(0.1)


def _wait(door: Door, jobs: dict[Order, str]) -> None:
    progress = Progress(PATIENCE)
    while not progress.stalled:
        views = [door.view(job) for job in jobs.values()]
        if all(view.ended for view in views):
            return
        for view in views:
            progress.note(view.id, (view.state, [(one.chunks_done, one.result_url) for one in view.renditions]))
        time.sleep(0.2)
    raise FallowError("Nothing moves any more.")


def _count(report: Report, network: Network, folder: Path, agents: dict[str, Process]) -> None:
    ways = [way for line in network.carried.values() for way in line]
    report.sent = sum(way["sent"] for way in ways)
    report.lost = sum(way["dropped"] for way in ways) / sum(way["packets"] for way in ways)
    counted = "SELECT sum(bytes_in + bytes_out) FROM attempts JOIN tasks ON tasks.id = task"
    counted += " WHERE outcome = 'delivered' AND kind IN ('video', 'audio')"
    with closing(sqlite3.connect(folder / "data" / "fallow.db")) as ledger:
        (report.counted,) = ledger.execute(counted).fetchone()
    for agent in agents.values():
        lines = (agent.folder / "log").read_text().splitlines()
        actions = [json.loads(line)["action"] for line in lines if line.startswith("{")]
        report.troubles.update(one for one in actions if one.startswith(TROUBLES))
