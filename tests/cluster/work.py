"""Jobs as people submit them, and what became of each."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clips.library import CLIPS, base, build
from fallow import profile_files
from fallow.client import Client, JobView
from fallow.commands import remote
from fallow.errors import Retryable
from fallow.pipeline.job_options import PRIORITIES, Options
from fallow.profiles import Profile
from story.checks import compare
from story.observe import observe

T = TypeVar("T")

SOURCES = ("h264-mp4", "h264-mkv", "h264-ts", "hevc-mp4", "vp9-webm", "mpeg2-ps", "open-gop-mp4", "prores-mov")
CONTAINERS = {"mp4": "mp4", "matroska": "mkv"}
# The second takes long enough to be killed in its middle.
PROFILES = (("240p", ()), ("360p", ("width=640", "height=360", "upscale=true", "preset=slow")))
PATIENCE = 120.0  # seconds until some gateway answers


class Door:
    """The gateways, some of which answer."""

    def __init__(self, gateways: Sequence[str], token: str) -> None:
        self._clients = [Client(url, token) for url in gateways]

    def ask(self, call: Callable[[Client], T]) -> T:
        """Asked again, of another gateway each time, until one answers."""
        end, number = time.monotonic() + PATIENCE, random.randrange(len(self._clients))
        while True:
            number += 1
            try:
                return call(self._clients[number % len(self._clients)])
            except Retryable:
                if time.monotonic() > end:
                    raise
            time.sleep(0.2)

    def view(self, job: str) -> JobView:
        return self.ask(lambda client: client.job(job))

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """With their attempts."""
        return self.ask(lambda client: client._call("GET", f"/api/v1/jobs/{job}/tasks"))["tasks"]


@dataclass(frozen=True)
class Order:
    """A job before anybody has it; the key makes it one job, however often it is submitted."""

    key: str
    source: Path
    profiles: tuple[Profile, ...]
    options: Options

    def submit(self, door: Door) -> str:
        """The job's id."""
        order = remote.Order(str(self.source), self.profiles, self.options, self.key)
        return door.ask(lambda client: remote.submit(client, order)).id


def order(number: int, dice: random.Random, name: str) -> Order:
    """One of many with different sources, containers, priorities and sizes."""
    clip = next(clip for clip in CLIPS if clip.name == SOURCES[number % len(SOURCES)])
    made = tuple(profile(name, *settings) for name, settings in PROFILES)
    return Order(
        key=f"{name}-{number}",
        source=build([clip])[clip.name],
        profiles=made if dice.random() < 0.5 else made[1:],
        options=Options(dice.choice(list(CONTAINERS)), 1.0, priority=dice.choice(PRIORITIES)),
    )


def profile(name: str, *settings: str) -> Profile:
    """A built-in one, changed."""
    return profile_files.override(profile_files.load()[name], settings)


@dataclass(frozen=True)
class Result:
    """What became of an order: how its tasks' attempts ended, and what is wrong with it."""

    outcomes: Counter[tuple[str, str]]  # by kind of task and outcome
    faults: list[str]


def examine(door: Door, order: Order, job: str, folder: Path) -> Result:
    """Of a job that should be done: each task delivered once, and every result as its source."""
    view, tasks = door.view(job), door.tasks(job)
    faults = [] if view.state == "done" else [f"is {view.state}: {view.error}"]
    outcomes = Counter[tuple[str, str]]()
    for task in tasks:
        ends = [attempt["outcome"] or "unfinished" for attempt in task["attempts"]]
        outcomes.update((task["kind"], end) for end in ends)
        if ends.count("delivered") != 1:
            faults.append(f"{task['task']} was delivered {ends.count('delivered')} times: {', '.join(ends)}")
    if view.state == "done":
        faults += _wrong(door, order, job, folder, view)
    return Result(outcomes, [f"{order.key} ({order.source.name}, job {job}) {fault}" for fault in faults])


OUTCOMES = ("delivered", "late", "expired", "failed", "cancelled", "unfinished")


def table(outcomes: Counter[tuple[str, str]]) -> str:
    """Attempts by kind of task and outcome, for people to read."""
    rows = ["attempts  " + "".join(f"{outcome:>12}" for outcome in OUTCOMES)]
    for task in ("split", "video", "audio", "join"):
        rows.append(f"{task:10}" + "".join(f"{outcomes[task, outcome]:12}" for outcome in OUTCOMES))
    return "\n".join(rows)


def _wrong(door: Door, order: Order, job: str, folder: Path, view: JobView) -> Iterable[str]:
    wanted = {profile.name for profile in order.profiles}
    if {rendition.name for rendition in view.renditions if rendition.result_url} != wanted:
        yield f"has other results than {', '.join(sorted(wanted))}"
        return
    source = observe(order.source, base() / "truth")
    for name in sorted(wanted):
        path = folder / f"{job}.{name}.{CONTAINERS[order.options.container]}"
        door.ask(lambda client, name=name, path=path: client.download(job, name, path))
        for fault in compare(source, observe(path), order.options.container).faults:
            yield f"{name}: {fault}"
