"""How busy other programs keep the processors."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fallow.device.files import text

WINDOW = 10.0  # seconds that are looked back over
_IDLE = (3, 4)  # fields of /proc/stat: idle, iowait
_OWN = slice(11, 15)  # utime, stime, and those of children that have ended


class Ticks:
    """By /proc/stat; what a process and its FFmpegs do is their own."""

    def __init__(self, root: Path, own: Callable[[], Iterable[int]]) -> None:
        self._root = root
        self._own = own

    def now(self) -> tuple[int, int, int] | None:
        """All ticks of all processors, those in which they worked, and of these one's own."""
        ticks = [int(one) for one in text(self._root / "proc/stat").partition("\n")[0].split()[1:9]]
        if not ticks:
            return None
        return sum(ticks), sum(ticks) - sum(ticks[place] for place in _IDLE), sum(map(self._of, self._own()))

    def _of(self, pid: int) -> int:
        """Of a process, and of its children that have ended."""
        fields = text(self._root / f"proc/{pid}/stat").rpartition(")")[2].split()
        return sum(map(int, fields[_OWN])) if fields else 0


class Load:
    """What others do."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._seen: deque[tuple[float, int, int]] = deque()  # when, busy ticks of others, all ticks

    def percent(self) -> float | None:
        """Of all processors, of late; None until there are two looks, or where a system does not tell."""
        now, ticks = time.monotonic(), self._ticks.now()
        if ticks is None:
            return None
        total, busy, own = ticks
        self._seen.append((now, busy - own, total))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        (_, first_busy, first), (_, last_busy, last) = self._seen[0], self._seen[-1]
        return min(100.0, max(0.0, 100 * (last_busy - first_busy) / (last - first))) if last > first else None


@dataclass(frozen=True)
class Use:
    """Of the processors' time between two looks."""

    own: float  # the part of the work that was this program's, 0..1
    busy: float  # the share of the time in which they worked, 0..1


class Portion:
    """How much of what the processors do is this program's work, from one look to the next."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._last: tuple[int, int, int] | None = None

    def since_last(self) -> Use | None:
        """None at the first look, or where a system does not tell."""
        before, self._last = self._last, self._ticks.now()
        if before is None or self._last is None or self._last[0] <= before[0]:
            return None
        total, busy, own = (max(0, new - old) for new, old in zip(self._last, before, strict=True))
        return Use(min(1.0, own / busy) if busy else 0.0, min(1.0, busy / total))
