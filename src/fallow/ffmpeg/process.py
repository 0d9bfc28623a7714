"""How a system begins, halts, ends and reaps a process: what differs between POSIX and Windows."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from typing import Any

POSIX = hasattr(os, "killpg")
"""Processes have groups, hear signals, stand still, and take more pipes than three with them."""

_IDLE, _BELOW_NORMAL, _GROUP = 0x40, 0x4000, 0x200  # what Windows calls creation flags
_VERY_NICE = 10


def apart(niceness: int) -> dict[str, Any]:
    """How to start one: Ctrl-C in a terminal reaches the agent, which decides; it does not reach FFmpeg."""
    if sys.platform != "win32":
        return {"start_new_session": True}
    priority = _IDLE if niceness >= _VERY_NICE else _BELOW_NORMAL if niceness > 0 else 0
    return {"creationflags": _GROUP | priority}


def renice(process: subprocess.Popen[bytes], niceness: int) -> None:
    """Where that is not settled by how it is started."""
    if niceness and hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)


def reap(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for its end: its exit code, and the seconds of processors that it took, 0 where nobody tells."""
    if not hasattr(os, "wait4"):
        return process.wait(), _seconds_of(process)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that subprocess does not wait for it again
    return process.returncode, usage.ru_utime + usage.ru_stime


def end(process: subprocess.Popen[bytes], name: str) -> None:
    """Send SIGTERM or SIGKILL to its group. Windows knows the second one alone."""
    with contextlib.suppress(OSError):
        if POSIX:
            os.killpg(process.pid, getattr(signal, name))
        else:
            process.kill()


def _seconds_of(process: subprocess.Popen[bytes]) -> float:
    """In user and system mode, of one that has ended and whose handle is still open."""
    if sys.platform != "win32":
        return 0.0
    times = [ctypes.c_uint64() for _ in range(4)]  # created, ended, in the kernel, for itself: each of 100 ns
    handle = ctypes.c_void_p(int(getattr(process, "_handle")))  # noqa: B009 (other systems have none)
    library: Any = getattr(ctypes, "windll").kernel32  # noqa: B009
    if not library.GetProcessTimes(handle, *map(ctypes.byref, times)):
        return 0.0
    return (times[2].value + times[3].value) / 1e7
