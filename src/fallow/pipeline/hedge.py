"""Which slow attempts get a rival: facts in, decisions out.

When nothing of a job waits any more, its end is that of its slowest attempt, while workers have nothing to do. So
those that seem to take longest are begun once more by a free worker (LATE: by the time that is left, not by what
was done), as far as the work that this wastes stays a small share of the job's. Whichever delivers first wins.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from fallow.records import Race, Running

_NAME = 16  # letters of a worker's id that follow its process's, if it has one
_LEAST_EXTRA = 0.1  # of a task's work that a rival costs at least, whatever is expected
_LATE = 2.0  # what should have been delivered takes so many times as long as it is late by now


@dataclass(frozen=True)
class Rules:
    """When a rival is worth it."""

    extra: float = 0.1  # expected extra work of a job, as a share of all its work; 0: no rivals
    least_gain: float = 2.0  # seconds that must be saved
    gain: float = 0.2  # and this share of the time that is left
    lease_seconds: float = 30.0
    silence: float = 15.0  # seconds after which a worker that should have renewed its lease seems lost


Paces = Mapping[str, float]
"""Work per second of the workers that have delivered something of the job already."""


def seconds_left(lease: Running, now: float, rules: Rules, pace: float) -> float:
    """Until this attempt will have delivered, going by its progress; by `pace` (0: unknown) before there is any."""
    heard, elapsed = _heard(lease, rules), now - lease.began
    if now - heard > rules.silence:
        return math.inf
    if lease.done and lease.frames:
        rate = min(lease.done / max(heard - lease.began, 1e-3), 2 * lease.fps)
        return _late((lease.frames - lease.done) / rate - (now - heard)) if rate > 0 else math.inf
    expected = lease.work / pace if pace > 0 else elapsed
    if lease.frames and heard > lease.began:  # it has not begun, or stands still
        return max(expected, elapsed)
    return _late(expected - elapsed)


def _late(left: float) -> float:
    """Of what takes longer than it should, nobody knows how much: the later, the longer."""
    return left if left >= 0 else -_LATE * left


def left_of(lease: Running, race: Race, now: float, rules: Rules, usual: float) -> float:
    """Seconds until a task will be delivered by one of those who are at it."""
    attempts = (lease, lease.second) if lease.second else (lease,)
    return min(seconds_left(one, now, rules, race.paces.get(one.worker, usual)) for one in attempts)


def typical(leases: Iterable[Running], paces: Paces, rules: Rules) -> float:
    """Work per second of a usual worker of the job; 0 when nothing is known yet."""
    known = [*paces.values(), *(pace for lease in leases if (pace := _pace(lease, rules)) > 0)]
    return statistics.median(known) if known else 0.0


def candidates(race: Race, now: float, rules: Rules) -> list[Running]:
    """The attempts that a fast worker would overtake and that the job's share allows for, slowest first."""
    usual = typical(race.running, race.paces, rules)
    best = max([usual, *race.paces.values(), *(_pace(lease, rules) for lease in race.running)])
    slow = [(left_of(lease, race, now, rules, usual), lease) for lease in race.running]
    wanted = [(left, lease) for left, lease in slow if best > 0 and _gains(left, lease.work / best, rules)]
    allowed = rules.extra * race.work - race.hedged
    return [
        lease
        for left, lease in sorted(wanted, key=lambda one: (-one[0], -one[1].work, one[1].task))
        if _vain(lease, lease.work / best, left) <= allowed
    ]


def extra_work(lease: Running, worker: str, race: Race, now: float, rules: Rules) -> float | None:
    """What is probably worked in vain when a worker begins the task, too; None: it is not worth it."""
    usual = typical(race.running, race.paces, rules)
    pace = race.paces.get(worker, usual)
    left = left_of(lease, race, now, rules, usual)
    if pace <= 0 or not _may(lease, worker, left) or not _gains(left, lease.work / pace, rules):
        return None
    extra = _vain(lease, lease.work / pace, left)
    return extra if extra <= rules.extra * race.work - race.hedged else None


def quicker(lease: Running, worker: str, race: Race, rules: Rules, asked: Collection[str]) -> bool:
    """Whether somebody else is known to be free who would do it so much sooner that he had better be asked: among
    all who have done something of the job or, once this one is asked again, those who answered."""
    usual = typical(race.running, race.paces, rules)
    pace = race.paces.get(worker, usual)
    busy = {one.worker for lease in race.running for one in (lease, lease.second) if one}
    known = asked if worker in asked else {*race.paces, *asked}
    best = max((race.paces.get(name, usual) for name in known if name not in busy), default=0.0)
    return best > 0 and pace > 0 and lease.work / pace - lease.work / best > rules.gain * lease.work / pace


def _vain(lease: Running, other: float, left: float) -> float:
    """The work that the slower one will have done by then, when the other one takes so long, and what a rival whose
    place is taken has done."""
    done, replaced = _done(lease), _done(lease.second) if lease.second else 0.0
    return lease.work * (replaced + max(_LEAST_EXTRA, done + (1 - done) * other / left))


def _done(lease: Running) -> float:
    return min(1.0, lease.done / lease.frames) if lease.frames else 0.0


def _may(lease: Running, other: str, left: float) -> bool:
    """Not the same worker; and one of the same process, thus of the same machine, only when the first is lost."""
    for one in (lease, lease.second) if lease.second else (lease,):
        home = one.worker[:-_NAME]
        if one.worker == other or (home and home == other[:-_NAME] and not math.isinf(left)):
            return False
    return True


def _gains(left: float, other: float, rules: Rules) -> bool:
    return left - other > max(rules.least_gain, rules.gain * min(left, other))


def _heard(lease: Running, rules: Rules) -> float:
    """When its worker was heard of last."""
    return max(lease.began, lease.until - rules.lease_seconds)


def _pace(lease: Running, rules: Rules) -> float:
    """Work per second of a running attempt, as far as it shows."""
    if not lease.done or not lease.frames:
        return 0.0
    return lease.work * lease.done / lease.frames / max(_heard(lease, rules) - lease.began, 1e-3)
