"""Commands as processes, and what is left of them."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import IO

from soak.processes import family, state

__all__ = ["ended", "family", "living", "run", "started", "state", "until"]


def started(*arguments: object, err: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
    """`fallow encode` as a process."""
    command = [sys.executable, "-m", "fallow", "encode", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)


def run(*arguments: object) -> tuple[int, str, str]:
    """Its exit code and what it printed."""
    return ended(started(*arguments))


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code and what it printed, once it has ended."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if state(pid) not in ("", "Z")}
