"""What the kernel tells of processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def family(pid: int) -> set[int]:
    """The living descendants of a process."""
    found = set[int]()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found |= {child} | family(child)
    return found


def send(number: int, pids: Iterable[int]) -> None:
    """A signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def state(pid: int) -> str:
    """R, S, T, Z, ...; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def of_folder(folder: Path) -> dict[int, str]:
    """All whose environment names something in the folder: started there by whomever; their commands."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in (path / "environ").read_bytes() and state(int(path.name)) != "Z":
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    return found


@dataclass(frozen=True)
class Held:
    """What a process holds at some moment."""

    at: float  # seconds after the beginning
    memory: int  # bytes that are resident
    files: int  # open ones, with sockets
    threads: int


def held(pid: int, at: float) -> Held | None:
    """None when it has ended."""
    try:
        told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        files = len(os.listdir(f"/proc/{pid}/fd"))
        return Held(at, int(told["VmRSS"].split()[0]) << 10, files, int(told["Threads"]))
    except (OSError, KeyError):
        return None
