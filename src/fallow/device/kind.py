"""What kind of device this is: phone, board, laptop, pc or server, and its model, as far as the system tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fallow.device import windows

PATIENCE = 2.0  # seconds
# Numbers of SMBIOS, by which makers say what a case is.
_LAPTOPS = {8, 9, 10, 11, 14, 30, 31, 32}
_PCS = {3, 4, 5, 6, 7, 13, 15, 16, 24, 35, 36}
_SERVERS = {17, 22, 23, 25, 28, 29}


def describe(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`device_class` and `device`, as far as they are known."""
    found = {"device_class": _kind(root, environment), "device": _model(root, environment)}
    return {key: value for key, value in found.items() if value}


def _kind(root: Path, environment: Mapping[str, str]) -> str:
    if "ANDROID_ROOT" in environment:
        return "phone"
    if sys.platform == "darwin":
        return "laptop" if "Book" in _model(root, environment) else "pc"
    if sys.platform == "win32":
        return "pc" if windows.power()[1] is None else "laptop"
    if _read(root / "proc/device-tree/model"):
        return "board"
    case = _read(root / "sys/class/dmi/id/chassis_type")
    number = int(case) if case.isdecimal() else 0
    if number in _LAPTOPS or list((root / "sys/class/power_supply").glob("BAT*")):
        return "laptop"
    if number in _PCS:
        return "pc"
    return "server" if number in _SERVERS or _virtual(root) else ""


def _virtual(root: Path) -> bool:
    """Whether this is a virtual machine, or a container: these are on servers, as a rule."""
    flags = _read(root / "proc/cpuinfo", most=1 << 14).partition("flags")[2].partition("\n")[0]
    marks = ("run/.containerenv", ".dockerenv", "var/run/secrets/kubernetes.io")
    return " hypervisor" in flags or any((root / mark).exists() for mark in marks)


def _model(root: Path, environment: Mapping[str, str]) -> str:
    if "ANDROID_ROOT" in environment:
        return _asked("getprop", "ro.product.model")
    if sys.platform == "darwin":
        return _asked("sysctl", "-n", "hw.model")
    return _read(root / "proc/device-tree/model") or _read(root / "sys/class/dmi/id/product_name")


def _read(path: Path, most: int = 256) -> str:
    try:
        with path.open("rb") as file:
            return _shown(file.read(most))
    except OSError:
        return ""


def _asked(*command: str) -> str:
    """What a program of the system says."""
    try:
        return _shown(subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout)
    except (OSError, subprocess.SubprocessError):
        return ""


def _shown(told: bytes) -> str:
    return told.decode("utf-8", "replace").strip("\0\n ")
