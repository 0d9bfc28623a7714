"""What Windows tells, by its own libraries."""

from __future__ import annotations

import ctypes
from typing import Any

_UNKNOWN = 255
_QUERY, _STILL_ACTIVE, _DENIED = 0x1000, 259, 5


class _PowerStatus(ctypes.Structure):
    _fields_ = (
        ("line", ctypes.c_ubyte),  # 0: battery, 1: plugged in
        ("flag", ctypes.c_ubyte),
        ("percent", ctypes.c_ubyte),
        ("saver", ctypes.c_ubyte),
        ("seconds", ctypes.c_uint32),
        ("full_seconds", ctypes.c_uint32),
    )


class _LastInput(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("ticks", ctypes.c_uint32))


class _Memory(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("more", ctypes.c_uint64 * 6),
    )


def memory() -> int:
    """Bytes; 0 when it does not tell."""
    status = _Memory(ctypes.sizeof(_Memory))
    return int(status.total) if _library("kernel32").GlobalMemoryStatusEx(ctypes.byref(status)) else 0


def runs(pid: int) -> bool:
    """Whether a process of that number is there: to send it a signal, as elsewhere, would end it."""
    kernel = _library("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel.OpenProcess(_QUERY, False, pid))
    if not handle.value:
        return bool(kernel.GetLastError() == _DENIED)
    code = ctypes.c_uint32()
    told = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return bool(told) and code.value == _STILL_ACTIVE


def power() -> tuple[bool | None, float | None]:
    """Whether it is plugged in, and its charge in percent."""
    status = _PowerStatus()
    if not _library("kernel32").GetSystemPowerStatus(ctypes.byref(status)):
        return None, None
    plugged = status.line == 1 if status.line in (0, 1) else None
    return plugged, float(status.percent) if status.percent != _UNKNOWN else None


def idle_seconds() -> float | None:
    """Since somebody touched it."""
    last = _LastInput(ctypes.sizeof(_LastInput))
    if not _library("user32").GetLastInputInfo(ctypes.byref(last)):
        return None
    ticks = int(_library("kernel32").GetTickCount()) & 0xFFFFFFFF
    return ((ticks - int(last.ticks)) & 0xFFFFFFFF) / 1000


def _library(name: str) -> Any:
    loaded: Any = getattr(ctypes, "windll")  # noqa: B009 (other systems' ctypes have none)
    return getattr(loaded, name)
