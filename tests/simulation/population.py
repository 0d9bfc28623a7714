"""Who the devices are: phones and computers, fast and slow ones, there at some hours and gone at others.

What is published: 40 % of phones and 60 % of computers are available (BOINC), and a device leaves for good after 91
days in the mean (SETI@home). What is assumed: four times as many are there at the best hour as at the worst, 8 % of
the leases are abandoned, speeds are log-normal, a phone is as fast as a third of a computer, a session has 30 to
100 % of a device's speed, and lasts two hours in the mean, most of them much shorter (Weibull, shape 0.6).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

HOUR = 3600.0
DAY = 24 * HOUR
SESSION = 2 * HOUR  # mean
SHAPE = 0.6
SCALE = SESSION / math.gamma(1 + 1 / SHAPE)
SWING = 0.6  # (1 + SWING) / (1 - SWING) = 4
PEAK = 3 * HOUR  # of the day
LIFETIME = 91 * DAY
ABANDONED = 0.08  # of the leases
AWAY = 300.0  # seconds that a device is gone which has abandoned a lease


@dataclass(frozen=True)
class Kind:
    """One sort of device."""

    name: str
    share: float  # of the population
    available: float  # in the mean of a day
    speed: float  # median, in units of work a second
    spread: float  # sigma of the logarithm


# A unit of work is a second of 1080p at 25 frames/s: a computer makes 15 frames/s of it, a phone 5.
KINDS = (Kind("computer", 0.6, 0.6, 0.6, 0.5), Kind("phone", 0.4, 0.4, 0.2, 0.5))


class Nature:
    """Chance, the same in every run."""

    away = AWAY
    tells = False  # whether devices say how fast they are

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def kind(self) -> Kind:
        return KINDS[0] if self.dice.random() < KINDS[0].share else KINDS[1]

    def speed(self, kind: Kind) -> float:
        """Of a device, at its best."""
        return kind.speed * math.exp(self.dice.gauss(0.0, kind.spread))

    def slowed(self) -> float:
        """The share of its speed that a device has in a session."""
        return self.dice.uniform(0.3, 1.0)

    def is_there(self, kind: Kind, at: float) -> bool:
        return self.dice.random() < available(kind, at)

    def stays(self) -> float:
        """Seconds of a session."""
        return self.dice.weibullvariate(SCALE, SHAPE)

    def remains(self) -> float:
        """Seconds that are left of a session that somebody is in: long ones are met more often."""
        session = SCALE * self.dice.gammavariate(1 + 1 / SHAPE, 1.0) ** (1 / SHAPE)
        return session * self.dice.random()

    def stays_away(self, kind: Kind, at: float) -> float:
        there = available(kind, at)
        return self.dice.expovariate(there / (SESSION * (1 - there)))

    def leaves(self, after: float) -> bool:
        """Whether a device that was there some time ago has left for good."""
        return self.dice.random() > math.exp(-after / LIFETIME)

    def abandons(self) -> bool:
        return self.dice.random() < ABANDONED


def available(kind: Kind, at: float) -> float:
    """The share of these devices that is there at some time of the day."""
    return min(0.98, kind.available * (1 + SWING * math.cos(2 * math.pi * (at - PEAK) / DAY)))
