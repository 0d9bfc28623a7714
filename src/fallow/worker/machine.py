"""What this machine is and can do."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from fallow import __version__
from fallow.catalogue import AUDIO, MEASURE, VIDEO
from fallow.device import kind, share, windows
from fallow.ffmpeg.locate import Build
from fallow.ffmpeg.process import POSIX

MOST = 8
TASK_MEMORY = 512 << 20  # bytes; what x264 needs for 1080p, and some


def cores() -> int:
    """Processors this process may run on, and has the time of."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, share.processors() or there)


def memory() -> int:
    """Bytes that this process may have; 0 when the system does not tell."""
    if sys.platform == "win32":
        return windows.memory()
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return min(there, share.memory() or there)
    except (ValueError, OSError, AttributeError):
        return 0


def most(slots: int, memory: int) -> int:
    """Tasks that it takes at once for each slot: an encoder needs memory, and one FFmpeg may run several, where it
    can be given a pipe for each."""
    if not POSIX:
        return 1
    return max(1, min(MOST, memory // slots // TASK_MEMORY)) if memory else 1


def slots_for(cores: int, memory: int) -> int:
    """FFmpegs that there is room for; all the system's memory is not counted on."""
    return max(1, min(cores, memory // TASK_MEMORY)) if memory else cores


def hostname() -> str:
    return _names()[1]


def _names() -> tuple[str, ...]:
    """System, host, release, version, processor's kind."""
    return tuple(os.uname() if hasattr(os, "uname") else platform.uname())


def describe(build: Build, slots: int) -> dict[str, Any]:
    """For the registration: what the platform may want to know before it hands out work."""
    return {
        "system": _names()[0],
        "arch": _names()[4],
        "cores": cores(),
        "memory": memory(),
        "host": hostname(),
        **kind.describe(),
        "version": __version__,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "slots": slots,
        "ffmpeg": build.version,
        "ffmpeg_build": build.digest,
        "encoders": [name for name in build.encoders if name in {*VIDEO, *AUDIO, MEASURE}],
    }
