"""The energy that was spent in a period: by kind of device, by profile, by worker. What is measured goes first."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping
from fractions import Fraction

from fallow.fleet import Burning, Ordered, Period, PerMinute
from fallow.model import Energy
from fallow.pipeline.context import Context

MODEL = "model"
UNKNOWN_RATE = Fraction(25)  # frames per second, of a source that nothing is known of any more

Rates = Mapping[tuple[str, str], Fraction]
"""Frames per second, by job and rendition."""
Kind = tuple[str, str]
"""Of a device: its class and the family of its processor."""


class Spent:
    """What workers of these kinds have spent."""

    def __init__(self, burnings: Iterable[Burning], rates: Rates, kinds: Mapping[str, Kind]) -> None:
        self._rates = rates
        self._by_kind: dict[Kind, list[Burning]] = collections.defaultdict(list)
        self._by_profile: dict[tuple[str, str], list[Burning]] = collections.defaultdict(list)
        for one in burnings:
            kind = kinds[one.worker]
            self._by_kind[kind].append(one)
            self._by_profile[one.rendition, kind[0]].append(one)

    def total(self, kind: Kind) -> float | None:
        """None unless all of it is known."""
        return _energy(self._by_kind[kind]).total

    def known_by(self, kind: Kind) -> list[str]:
        return _energy(self._by_kind[kind]).known_by

    def per_minute(self, profile_and_class: tuple[str, str]) -> PerMinute:
        """Joules for a minute of video, and how they are known."""
        return per_minute(self._by_profile[profile_and_class], self._rates)


async def by_worker(ctx: Context, period: Period) -> dict[str, PerMinute]:
    """Of those of whom something is known."""
    known: dict[str, list[Burning]] = collections.defaultdict(list)
    for one in await ctx.ledger.burnings(period):
        if one.meter:
            known[one.worker].append(one)
    ordered = await ctx.ledger.ordered({one.job for burnings in known.values() for one in burnings})
    rates = {(one.job, one.rendition): rate(one) for one in ordered}
    return {worker: per_minute(burnings, rates) for worker, burnings in known.items()}


def per_minute(burnings: Iterable[Burning], rates: Rates) -> PerMinute:
    """Of what was measured if anything was, else of what a model has reckoned."""
    known = [one for one in burnings if one.meter and one.frames]
    measured = [one for one in known if one.meter != MODEL]
    counted = measured or known
    minutes = sum(one.frames / float(rates.get((one.job, one.rendition), UNKNOWN_RATE)) / 60 for one in counted)
    if not minutes:
        return PerMinute()
    return PerMinute(round(sum(one.joules for one in counted) / minutes, 3), sorted({one.meter for one in counted}))


def _energy(burnings: Iterable[Burning]) -> Energy:
    energy = Energy()
    for one in burnings:
        energy = energy.plus(one.joules, one.meter, one.frames)
    return energy


def rate(one: Ordered) -> Fraction:
    """Frames per second of a rendition."""
    source = one.video.average_rate if one.video else UNKNOWN_RATE
    if wanted := _fraction(one.profile.get("fps")):
        return wanted
    most = _fraction(one.profile.get("max_fps"))
    return min(source, most) if most else source


def _fraction(text: object) -> Fraction | None:
    try:
        found = Fraction(str(text)) if text is not None else None
    except (ValueError, ZeroDivisionError):
        return None
    return found if found and found > 0 else None
