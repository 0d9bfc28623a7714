"""Whether somebody uses the device: their last input, and its screen."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from fallow.device import windows
from fallow.device.asking import ask
from fallow.device.files import folders, least, number, text

_MUTTER = (
    *("gdbus", "call", "--session", "--dest", "org.gnome.Mutter.IdleMonitor", "--object-path"),
    *("/org/gnome/Mutter/IdleMonitor/Core", "--method", "org.gnome.Mutter.IdleMonitor.GetIdletime"),
)
_LOGIND = (
    *("busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1"),
    *("org.freedesktop.login1.Manager", "IdleHint", "IdleSinceHint"),
)


def idle_seconds(environment: Mapping[str, str]) -> float | None:
    """Since the last input of anybody. Desktops know it best; else logind has heard of it."""
    if sys.platform == "darwin":
        return _first_number(r'"HIDIdleTime" = (\d+)', ask("ioreg", "-c", "IOHIDSystem", "-d", "4"), 1e9)
    if sys.platform == "win32":
        return windows.idle_seconds()
    known = least([_of_x11(environment), _of_gnome(environment)])
    return of_logind(ask(*_LOGIND), time.time()) if known is None else known


def of_logind(told: str, now: float) -> float | None:
    """Of all sessions: `b true` and `t`, microseconds since 1970. While somebody is there: no time at all."""
    found = re.search(r"b (true|false)\s+t (\d+)", told)
    if not found:
        return None
    return max(0.0, now - int(found[2]) / 1e6) if found[1] == "true" else 0.0


def screen_off(root: Path, environment: Mapping[str, str]) -> bool | None:
    if "ANDROID_ROOT" in environment:
        state = ask("getprop", "debug.tracing.screen_state")
        return state == "1" if state in ("1", "2") else _dark(root)
    return _dark(root)


def _of_x11(environment: Mapping[str, str]) -> float | None:
    return _first_number(r"^(\d+)$", ask("xprintidle"), 1e3) if environment.get("DISPLAY") else None


def _of_gnome(environment: Mapping[str, str]) -> float | None:
    if not environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return None
    return _first_number(r"uint64 (\d+)", ask(*_MUTTER), 1e3)


def _first_number(pattern: str, told: str, unit: float) -> float | None:
    found = re.search(pattern, told)
    return int(found[1]) / unit if found else None


def _dark(root: Path) -> bool | None:
    """Whether all screens that are there are off."""
    states = [text(one / "dpms").lower() == "off" for one in _screens(root)]
    lights = [number(one / "bl_power") for one in folders(root / "sys/class/backlight")]
    states += [light > 0 for light in lights if light is not None]
    return all(states) if states else None


def _screens(root: Path) -> list[Path]:
    return [one for one in folders(root / "sys/class/drm", "card*-*") if text(one / "status") == "connected"]
