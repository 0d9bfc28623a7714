"""What was done in a period of time: when, on which devices, for which profiles, and what went wrong."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fallow.errors import BadSetting
from fallow.fleet import Failures, Labour, Output, Period, PerMinute
from fallow.model import Worker
from fallow.pipeline.context import Context
from fallow.pipeline.spent import UNKNOWN_RATE, Rates, Spent, rate
from fallow.pipeline.workforce import arch, device_class, is_agent
from fallow.records import Outcome

MOST_STEPS = 1000


@dataclass(frozen=True)
class Flow:
    """What was delivered in a stretch of time, of all renditions."""

    at: float  # when it begins
    frames: int
    seconds: float  # of video
    bytes_out: int


@dataclass(frozen=True)
class DeviceShare:
    """What devices of one class have done."""

    device_class: str
    arch: str
    workers: int
    frames: int
    wall_seconds: float
    cpu_seconds: float
    joules: float | None = None  # null: not all of it is known
    known_by: list[str] = field(default_factory=list)  # how; what `model` is among is not measured but reckoned


@dataclass(frozen=True)
class Pace:
    """How long devices of one class take for a minute of one profile."""

    profile: str
    device_class: str
    minutes: float
    seconds_per_minute: float
    joules_per_minute: float | None = None  # of what was measured, else of what was reckoned; null: nothing was
    known_by: list[str] = field(default_factory=list)  # how


@dataclass(frozen=True)
class Cause:
    """Why attempts failed, and how many."""

    cause: str
    count: int


@dataclass(frozen=True)
class Performance:
    """All of it."""

    throughput: list[Flow]
    devices: list[DeviceShare]
    profiles: list[Pace]
    failures: list[Cause]


async def performance(ctx: Context, period: Period, step: float) -> Performance:
    """Raises BadSetting for what is no period, or too many steps."""
    check(period, step)
    ledger = ctx.ledger
    outputs, labours = await ledger.outputs(period, step), await ledger.labours(period)
    ordered = await ledger.ordered({one.job for one in outputs})
    rates = {(one.job, one.rendition): rate(one) for one in ordered}
    workers = {worker.id: worker for worker in await ledger.workers()}
    burnings = await ledger.burnings(period)
    spent = Spent(burnings, rates, {one.worker: _kind_of(workers.get(one.worker, _GONE)) for one in burnings})
    hands = [workers.get(worker, _GONE) for worker in await ledger.hands(period)]
    return Performance(
        throughput=_flows(outputs, rates),
        devices=_devices(labours, [worker for worker in hands if is_agent(worker)], spent),
        profiles=_paces(labours, rates, spent),
        failures=_causes(await ledger.failures_by_words(period)),
    )


def check(period: Period, step: float) -> None:
    """Raises BadSetting."""
    if not period.since < period.until:
        raise BadSetting("`since` must be before `until`; both are seconds since 1970.")
    if not step > 0 or (period.until - period.since) / step > MOST_STEPS:
        least = (period.until - period.since) / MOST_STEPS
        raise BadSetting(f"`step` = {step:g} s gives more than {MOST_STEPS} steps; choose {least:g} s or more.")


def _flows(outputs: Iterable[Output], rates: Rates) -> list[Flow]:
    """One for each stretch in which something was delivered, in order."""
    found: dict[float, Flow] = {}
    for one in outputs:
        sofar = found.get(one.at, Flow(one.at, 0, 0.0, 0))
        seconds = one.frames / float(rates.get((one.job, one.rendition), UNKNOWN_RATE))
        found[one.at] = Flow(
            one.at, sofar.frames + one.frames, sofar.seconds + seconds, sofar.bytes_out + one.bytes_out
        )
    return [found[at] for at in sorted(found)]


def _devices(labours: Iterable[Labour], hands: Sequence[Worker], spent: Spent) -> list[DeviceShare]:
    groups: dict[tuple[str, str], list[Labour]] = {}
    for one in labours:
        groups.setdefault(_kind(one), []).append(one)
    shares = [
        DeviceShare(
            *kind,
            workers=sum((device_class(worker), arch(worker)) == kind for worker in hands),
            frames=sum(one.frames for one in group),
            wall_seconds=sum(one.wall_seconds for one in group),
            cpu_seconds=sum(one.cpu_seconds for one in group),
            joules=spent.total(kind),
            known_by=spent.known_by(kind),
        )
        for kind, group in groups.items()
    ]
    return sorted(shares, key=lambda share: -share.frames)


def _told(energy: PerMinute) -> tuple[float | None, list[str]]:
    return energy.joules, energy.known_by


def _kind(labour: Labour) -> tuple[str, str]:
    return _kind_of(Worker("", "", labour.machine))


def _kind_of(worker: Worker) -> tuple[str, str]:
    return device_class(worker), arch(worker)


def _paces(labours: Iterable[Labour], rates: Rates, spent: Spent) -> list[Pace]:
    minutes: dict[tuple[str, str], float] = collections.defaultdict(float)
    walls: dict[tuple[str, str], float] = collections.defaultdict(float)
    for one in labours:
        key = (one.rendition, _kind(one)[0])
        minutes[key] += one.frames / float(rates.get((one.job, one.rendition), UNKNOWN_RATE)) / 60
        walls[key] += one.wall_seconds
    return [
        Pace(*key, minutes[key], walls[key] / minutes[key], *_told(spent.per_minute(key)))
        for key in sorted(minutes)
        if minutes[key] > 0
    ]


_GONE = Worker("", "")
"""Of a worker that was forgotten since."""


def _causes(failures: Sequence[Failures]) -> list[Cause]:
    counts: collections.Counter[str] = collections.Counter()
    for one in failures:
        counts[cause(one)] += one.count
    return [Cause(words, count) for words, count in counts.most_common()]


_WORDS = {
    "died, perhaps": "a worker's process died",
    "No space": "no space was left",
    "that Fallow can read": "the source is no video",
    "cannot be decoded": "the source is damaged",
    "decode": "the source is damaged",
    "given up after": "took longer than allowed",
    "cannot be reached": "a server could not be reached",
    "frames instead of": "the wrong number of frames came out",
    "frames where": "the wrong number of frames came out",
    "download": "a transfer was broken off",
    "upload": "a transfer was broken off",
    "recipe": "the worker is too old for its task",
    "FFmpeg": "FFmpeg failed",
    "part": "a part was not what it should be",
}
"""What the sentences of errors have in them, and what that means."""


def cause(failures: Failures) -> str:
    """Why an attempt failed, in a few plain words."""
    for piece, words in _WORDS.items():
        if piece in failures.error:
            return words
    if failures.outcome is Outcome.EXPIRED:
        return "a worker was not heard of any more"
    return "something else"
