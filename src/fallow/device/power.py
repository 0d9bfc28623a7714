"""How a device is fed: by its charger or its battery, how full and how hot that is, and what it gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fallow.device import windows
from fallow.device.asking import ask, ask_json
from fallow.device.files import folders, greatest, least, number, text

_FEEDERS = ("mains", "usb", "wireless")
_BATTERIES = ("battery", "ups")
_PLUGGED = {"charging": True, "full": True, "not charging": True, "discharging": False}


@dataclass(frozen=True)
class Power:
    """None: nobody knows."""

    plugged: bool | None = None
    charge: float | None = None  # percent
    celsius: float | None = None  # of the battery
    watts: float | None = None  # that the battery gives; only of a device that is not plugged in


def read(root: Path, environment: Mapping[str, str]) -> Power:
    """By whatever this system has."""
    if "ANDROID_ROOT" in environment or "TERMUX_VERSION" in environment:
        told = ask_json("termux-battery-status")
        return of_termux(told) if told else of_files(root)
    if sys.platform == "darwin":
        return of_pmset(ask("pmset", "-g", "batt"))
    if sys.platform == "win32":
        return Power(*windows.power())
    return of_files(root)


def of_files(root: Path) -> Power:
    """Linux, by /sys/class/power_supply."""
    known = [one for one in folders(root / "sys/class/power_supply") if _of_device(one)]
    feeders = [one for one in known if _kind(one).startswith(_FEEDERS)]
    batteries = [one for one in known if _kind(one) in _BATTERIES and text(one / "present") != "0"]
    plugged = _plugged(feeders, batteries)
    return Power(
        plugged=plugged,
        charge=least(_charge(one) for one in batteries),
        celsius=greatest(_celsius(one) for one in batteries),
        watts=_together([_watts(one) for one in batteries]) if plugged is False else None,
    )


def of_termux(told: Mapping[str, Any]) -> Power:
    """Android, by Termux:API. The sign of the current differs from device to device, and so does its unit."""
    plug, status = str(told.get("plugged", "")), str(told.get("status", "")).replace("_", " ").lower()
    plugged = plug != "UNPLUGGED" if plug.startswith(("PLUGGED", "UNPLUGGED")) else _PLUGGED.get(status)
    watts = _volts_times_amperes(_float(told.get("voltage")), _float(told.get("current")))
    charge, celsius = _float(told.get("percentage")), _float(told.get("temperature"))
    return Power(plugged, charge, celsius, watts if plugged is False else None)


def of_pmset(told: str) -> Power:
    """macOS."""
    source = re.search(r"drawing from '(AC|Battery|UPS) Power'", told)
    charge = re.search(r"(\d+)%", told)
    return Power(source[1] == "AC" if source else None, float(charge[1]) if charge else None)


def _of_device(folder: Path) -> bool:
    """Whether it feeds the machine itself, not its mouse or its headset."""
    return text(folder / "scope").lower() != "device"


def _kind(folder: Path) -> str:
    return text(folder / "type").lower()


def _plugged(feeders: list[Path], batteries: list[Path]) -> bool | None:
    """Boards and phones have no "Mains"; what their USB or a coil brings counts as well. 2 is a voltage that was
    agreed upon."""
    states = [text(one / "status").lower() for one in batteries]
    if any((number(one / "online") or 0) > 0 for one in feeders) or "charging" in states:
        return True
    if feeders and any(number(one / "online") is not None for one in feeders):
        return False
    known = [_PLUGGED[state] for state in states if state in _PLUGGED]
    return all(known) if known else None


def _charge(folder: Path) -> float | None:
    """Some tell no more than 0 for it, with which no device would run: there may be another way to know."""
    percent = number(folder / "capacity")
    if percent is not None and percent > 0:
        return min(percent, 100.0)
    for unit in ("charge", "energy"):
        now, full = number(folder / f"{unit}_now"), number(folder / f"{unit}_full")
        if now and full:
            return min(100.0, 100 * now / full)
    return None


def _celsius(folder: Path) -> float | None:
    """In tenths of a degree; some drivers tell thousandths."""
    tenths = number(folder / "temp")
    if tenths is None:
        return None
    return tenths / 1000 if abs(tenths) > 2000 else tenths / 10


def _watts(folder: Path) -> float | None:
    power = number(folder / "power_now")
    if power:
        return abs(power) / 1e6
    return _volts_times_amperes(number(folder / "voltage_now"), number(folder / "current_now"))


def _volts_times_amperes(voltage: float | None, current: float | None) -> float | None:
    """Volts come in thousandths or millionths, and so does the current, whose sign means nothing: no device that
    encodes lives on 10 mA."""
    if not voltage or not current:
        return None
    volts = abs(voltage) / (1e6 if abs(voltage) > 100_000 else 1e3 if abs(voltage) > 100 else 1)
    amperes = abs(current) / (1e6 if abs(current) > 10_000 else 1e3)
    return volts * amperes


def _together(watts: list[float | None]) -> float | None:
    known = [one for one in watts if one is not None]
    return sum(known) if known else None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
