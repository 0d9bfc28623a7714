"""How hot the processors are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fallow.device.files import folders, greatest, number, text

_ZONES = ("cpu", "pkg", "soc", "core", "tsens", "acpitz", "bigcore", "littlecore", "mtktscpu", "apc")
_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "scpi_sensors")
_LEAST, _MOST = 1.0, 130.0  # what is beyond is no temperature of anything that works


def celsius(root: Path) -> float | None:
    """Of the hottest of them."""
    return greatest(found for found in (*_zones(root), *_chips(root)) if found and _LEAST < found < _MOST)


def _zones(root: Path) -> Iterator[float | None]:
    for zone in folders(root / "sys/class/thermal", "thermal_zone*"):
        if any(name in text(zone / "type").lower() for name in _ZONES):
            yield _degrees(zone / "temp")


def _chips(root: Path) -> Iterator[float | None]:
    for chip in folders(root / "sys/class/hwmon", "hwmon*"):
        if text(chip / "name").lower() in _CHIPS:
            yield from map(_degrees, folders(chip, "temp*_input"))


def _degrees(path: Path) -> float | None:
    """In thousandths; some drivers tell whole degrees."""
    told = number(path)
    return told if told is None or abs(told) < 200 else told / 1000
