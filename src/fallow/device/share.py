"""What of its machine a process may use, where a container or a service has a share of it: control groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from fallow.device import files

NO_LIMIT = 1 << 60  # bytes; control groups of the first kind tell a number like that where there is none


def processors(root: Path = Path("/")) -> int | None:
    """Rounded up; None when there is no limit."""
    found = files.least(_quota(folder) for folder in _folders(root, "cpu"))
    return max(1, math.ceil(found)) if found else None


def memory(root: Path = Path("/")) -> int | None:
    """Bytes; None when there is no limit."""
    names = ("memory.max", "memory.limit_in_bytes")
    found = files.least(files.number(folder / name) for folder in _folders(root, "memory") for name in names)
    return int(found) if found and found < NO_LIMIT else None


def _quota(folder: Path) -> float | None:
    """Processors' time over time."""
    first, _, second = files.text(folder / "cpu.max").partition(" ")
    quota = first or files.text(folder / "cpu.cfs_quota_us")
    period = second or files.text(folder / "cpu.cfs_period_us")
    if not (quota.isdigit() and period.isdigit() and int(period)):  # "max", or -1: none
        return None
    return int(quota) / int(period)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The groups that this process is in, and those around them: each may have a limit."""
    mounted = root / "sys/fs/cgroup"
    for line in files.text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = mounted / controller if controllers else mounted
        # A container sees its own group at the top, whatever it is called outside.
        inside = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(inside), -1, -1):
            yield base.joinpath(*inside[:depth])
