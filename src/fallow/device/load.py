"""How busy other programs keep the processors."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from fallow.device.files import text

WINDOW = 10.0  # seconds that are looked back over
_IDLE = (3, 4)  # fields of /proc/stat: idle, iowait
_OWN = slice(11, 15)  # utime, stime, and those of children that have ended


class Load:
    """By /proc/stat, without what this process and its FFmpegs do."""

    def __init__(self, root: Path, own: Callable[[], Iterable[int]]) -> None:
        self._root = root
        self._own = own
        self._seen: deque[tuple[float, int, int]] = deque()  # when, busy ticks of others, all ticks

    def percent(self) -> float | None:
        """Of all processors, of late; None until there are two looks, or where a system does not tell."""
        ticks = [int(one) for one in text(self._root / "proc/stat").partition("\n")[0].split()[1:9]]
        if not ticks:
            return None
        busy = sum(ticks) - sum(ticks[place] for place in _IDLE)
        now = time.monotonic()
        self._seen.append((now, busy - sum(map(self._ticks, self._own())), sum(ticks)))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        (_, first_busy, first), (_, last_busy, last) = self._seen[0], self._seen[-1]
        return min(100.0, max(0.0, 100 * (last_busy - first_busy) / (last - first))) if last > first else None

    def _ticks(self, pid: int) -> int:
        """Of a process, and of its children that have ended."""
        fields = text(self._root / f"proc/{pid}/stat").rpartition(")")[2].split()
        return sum(map(int, fields[_OWN])) if fields else 0
