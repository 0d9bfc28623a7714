"""Meters of a device's energy: each counts joules from some beginning on. None: it does not tell now."""

from __future__ import annotations

import http.client
import json
import math
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from fallow.device import power
from fallow.device.asking import PATIENCE, ask
from fallow.device.files import folders, number, text

_WATTS = ("apower", "watts", "power", "Power")
"""What watts are called in the answers of plugs: Shelly, of both generations, and Tasmota; and of programs."""
_LONGEST_ANSWER = 1 << 16
OFF = "off"
LONGEST_GAP = 10.0  # seconds between two readings of watts, over which nothing is made up


class Meter(Protocol):
    """How it is called is told with all that it has measured."""

    name: str

    def joules(self) -> float | None: ...


class Rapl:
    """What the processors' packages take, by the processors themselves: no disk, no screen, no power supply."""

    name = "rapl"

    def __init__(self, root: Path) -> None:
        zones = folders(root / "sys/class/powercap", "intel-rapl:*")
        self._zones = [zone for zone in zones if text(zone / "name").startswith("package")]
        self._last: dict[Path, float] = {}
        self._sum = 0.0

    def joules(self) -> float | None:
        """The counters begin anew when they are full."""
        told = {zone: number(zone / "energy_uj") for zone in self._zones}
        now = {zone: count for zone, count in told.items() if count is not None}
        if not now or len(now) < len(told):
            return None  # mostly as only root may read them
        for zone, count in now.items():
            step = count - self._last.get(zone, count)
            self._sum += step if step >= 0 else step + (number(zone / "max_energy_range_uj") or -step)
            self._last[zone] = count
        return self._sum / 1e6


class Watts:
    """Anything that tells watts: added up over time."""

    def __init__(self, name: str, read: Callable[[], float | None]) -> None:
        self.name = name
        self._read = read
        self._last: tuple[float, float] | None = None  # when, watts
        self._sum = 0.0

    def joules(self) -> float | None:
        watts, now = self._read(), time.monotonic()
        if watts is None:
            self._last = None
            return None
        if self._last and now - self._last[0] <= LONGEST_GAP:
            self._sum += (now - self._last[0]) * (watts + self._last[1]) / 2
        self._last = (now, watts)
        return self._sum


class Battery(Watts):
    """Of a device that is not plugged in: while it charges, what its battery takes says nothing of it."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        super().__init__("battery", lambda: power.read(root, environment).watts)


def found(named: str, root: Path, environment: Mapping[str, str]) -> Meter | None:
    """What is named, or what there is: the processors' own counters, else a battery."""
    if named == OFF:
        return None
    if named:
        return plug(named)
    rapl = Rapl(root)
    if rapl.joules() is not None:
        return rapl
    return Battery(root, environment) if power.read(root, environment).charge is not None else None


def plug(where: str) -> Watts:
    """A plug in the network that is asked by HTTP, or a program that tells watts."""
    if where.startswith(("http://", "https://")):
        return Watts("meter", lambda: watts_in(_fetched(where)))
    command = shlex.split(where)
    return Watts("meter", lambda: watts_in(ask(*command)))


def watts_in(told: str) -> float | None:
    """A number, or what is called by one of those names anywhere in an object of JSON."""
    try:
        found = _search(json.loads(told))
    except (ValueError, RecursionError):
        return None
    return found if found is not None and math.isfinite(found) and found >= 0 else None


def _search(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, dict):
        named = [value[name] for name in _WATTS if isinstance(value.get(name), (int, float))]
        inner = [one for one in value.values() if isinstance(one, (dict, list))]
        return next((found for one in (*named, *inner) if (found := _search(one)) is not None), None)
    objects = [one for one in value if isinstance(one, (dict, list))] if isinstance(value, list) else []
    return next((found for one in objects if (found := _search(one)) is not None), None)


def _fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 (it is one of HTTP)
            return str(answer.read(_LONGEST_ANSWER).decode("utf-8", "replace"))
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError):
        return ""
