"""What the runs of a record say, as rows of tables: means over repetitions, with their spread."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TypeVar

from fallow.lab.record import Run, Work

T = TypeVar("T")
KILOWATT_HOUR = 3.6e6  # joules


@dataclass(frozen=True)
class Performance:
    """How quickly a crew makes a profile of a source."""

    source: str
    profile: str
    crew: str
    runs: int
    seconds: float
    spread: float | None  # standard deviation of the seconds; None of a single run
    fps: float
    speed: float  # seconds of video in a second
    joules: float | None  # of one run


@dataclass(frozen=True)
class Device:
    """How devices of a kind do with a profile of a source, each task of theirs by itself."""

    source: str
    profile: str
    device: str  # class and architecture
    frames: int
    seconds: float  # of work
    fps: float
    speed: float  # seconds of video in a second of work
    joules: float | None
    joules_per_frame: float | None
    cost: float | None  # of an hour of video
    meters: str  # how the energy is known


@dataclass(frozen=True)
class Scaling:
    """What more agents bring: how many times as fast as the fewest."""

    source: str
    profile: str
    agents: int
    speedup: float
    efficiency: float  # of that, over the ideal


def performances(runs: Sequence[Run]) -> list[Performance]:
    """One for each source, profile and crew, in order of appearance."""
    groups = _grouped(runs, lambda run: (run.source, run.profile, run.crew))
    return [_performance(*place, same) for place, same in groups.items()]


def _performance(source: str, profile: str, crew: str, runs: Sequence[Run]) -> Performance:
    seconds, first = [run.seconds for run in runs], runs[0]
    took = max(mean(seconds), 1e-9)
    energies = [_joules(run.works) for run in runs]
    return Performance(
        source=source,
        profile=profile,
        crew=crew,
        runs=len(runs),
        seconds=took,
        spread=stdev(seconds) if len(seconds) > 1 else None,
        fps=first.frames / took,
        speed=first.video_seconds / took,
        joules=None if None in energies else mean(one for one in energies if one is not None),
    )


def devices(runs: Sequence[Run], price_per_kwh: float | None = None) -> list[Device]:
    """One for each source, profile and kind of device, in order of appearance."""
    groups: dict[tuple[str, str, str], list[tuple[Run, Work]]] = collections.defaultdict(list)
    for run in _good(runs):
        for work in run.works:
            groups[run.source, run.profile, kind(work)].append((run, work))
    return [_device(*place, same, price_per_kwh) for place, same in groups.items()]


def _device(
    source: str, profile: str, device: str, done: Sequence[tuple[Run, Work]], price: float | None
) -> Device:
    works, run = [work for _, work in done], done[0][0]
    frames, seconds = sum(work.frames for work in works), sum(work.wall_seconds for work in works)
    joules = _joules(works)
    each = joules / frames if joules is not None and frames else None
    video = run.video_seconds / run.frames if run.frames else 0.0  # seconds of a frame
    hour = each * 3600 / video / KILOWATT_HOUR if each is not None and video else None
    fps = frames / seconds if seconds else 0.0
    return Device(
        source=source,
        profile=profile,
        device=device,
        frames=frames,
        seconds=seconds,
        fps=fps,
        speed=fps * video,
        joules=joules,
        joules_per_frame=each,
        cost=hour * price if hour is not None and price is not None else None,
        meters=", ".join(sorted({meter for work in works for meter in work.meters})),
    )


def scalings(runs: Sequence[Run]) -> list[Scaling]:
    """Of crews that are agents on one machine, where there are several."""
    found: list[Scaling] = []
    crews = _grouped([run for run in runs if run.agents], lambda run: (run.source, run.profile))
    for (source, profile), same in crews.items():
        seconds = {agents: mean(r.seconds for r in some) for agents, some in _by_agents(same).items()}
        fewest = min(seconds)
        for agents in sorted(seconds) if len(seconds) > 1 else ():
            speedup = seconds[fewest] / max(seconds[agents], 1e-9)
            found.append(Scaling(source, profile, agents, speedup, speedup * fewest / agents))
    return found


def troubles(runs: Iterable[Run]) -> dict[str, int]:
    """How many attempts came to nothing, by cause, the most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    for run in runs:
        for trouble in run.troubles:
            counts[trouble.cause] += trouble.count
    return dict(counts.most_common())


def kind(work: Work) -> str:
    """What devices are compared by."""
    return f"{work.device_class} ({work.arch})" if work.device_class != "unknown" else work.arch


def _joules(works: Sequence[Work]) -> float | None:
    """None when they are not known of all."""
    known = [work.joules for work in works if work.joules is not None]
    return sum(known) if len(known) == len(works) and works else None


def _good(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if not run.error]


def _by_agents(runs: Iterable[Run]) -> dict[int, list[Run]]:
    return _grouped(runs, lambda run: run.agents)


def _grouped(runs: Iterable[Run], place: Callable[[Run], T]) -> dict[T, list[Run]]:
    """Those with a result, by what `place` says of each, in order of appearance."""
    groups: dict[T, list[Run]] = {}
    for run in _good(runs):
        groups.setdefault(place(run), []).append(run)
    return groups
