"""Display ranks and decode times of packets, in one pass and with a bounded window. Pure."""

from __future__ import annotations

import bisect
import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol, TypeVar


class Timed(Protocol):
    """A packet, as far as order is concerned."""

    @property
    def pts(self) -> int | None: ...


P = TypeVar("P", bound=Timed)


class TooDeep(ValueError):
    """Packets are reordered further than the stream's header allows."""


def ranked(packets: Iterable[P], depth: int) -> Iterator[tuple[P, int]]:
    """Each packet, in decode order, with its place in display order.

    `depth` is how many packets may come before, and be shown after, any one of them: so once the window holds more
    than that, its earliest is the next one shown.
    """
    window = _Window()
    for packet in packets:
        window.push(packet)
        if window.size > depth:
            window.pop()
        yield from window.ready()
    while window.size:
        window.pop()
    yield from window.ready()


class _Window:
    """The packets whose place in display order is not known yet, and those waiting behind them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Any]] = deque()
        self._earliest: list[tuple[int, int]] = []
        self._ranks: dict[int, int] = {}
        self._pushed = 0
        self._shown = 0
        self._last: int | None = None

    @property
    def size(self) -> int:
        return len(self._earliest)

    def push(self, packet: Timed) -> None:
        if packet.pts is None:
            raise ValueError("a packet has no presentation time")
        if self._last is not None and packet.pts < self._last:
            raise TooDeep(f"packet {self._pushed} is shown before more packets than the header allows")
        self._waiting.append((self._pushed, packet))
        heapq.heappush(self._earliest, (packet.pts, self._pushed))
        self._pushed += 1

    def pop(self) -> None:
        self._last, number = heapq.heappop(self._earliest)
        self._ranks[number] = self._shown
        self._shown += 1

    def ready(self) -> Iterator[tuple[Any, int]]:
        while self._waiting and self._waiting[0][0] in self._ranks:
            number, packet = self._waiting.popleft()
            yield packet, self._ranks.pop(number)


def deepest(pts: Sequence[int]) -> int:
    """The reorder depth of packets with these presentation times, in decode order."""
    rank = {value: k for k, value in enumerate(sorted(pts))}
    return max((i - rank[value] for i, value in enumerate(pts)), default=0)


class DecodeLine:
    """The decode times of a whole result: the display times, `delay` places later.

    The line is the one encoders write: strictly rising wherever the display times are, and never after the time a
    packet is shown as long as no packet is reordered by more than `delay`. Feed it the display times as they become
    known; only those not yet used are kept.
    """

    def __init__(self, times: Sequence[int], delay: int) -> None:
        early = times[min(delay, len(times) - 1)] - times[0]
        self._line = deque(times[i] - early for i in range(min(delay, len(times))))

    def feed(self, times: Iterable[int]) -> None:
        self._line.extend(times)

    def next(self) -> int:
        return self._line.popleft()


def nearest(
    pts: Sequence[int], base: Fraction, zero: Fraction, times: Sequence[int], lo: int, hi: int
) -> list[int]:
    """For a part that lacks frames: the place in times[lo:hi] of each frame it has, in display order.

    `base` is the time base of `pts` in ticks of `times`, `zero` the pts (in the same ticks) that stands for time 0.
    """
    places: list[int] = []
    window = times[lo:hi]
    for left, value in zip(range(len(pts), 0, -1), sorted(pts), strict=True):
        wanted = value * base - zero
        after = bisect.bisect_left(window, wanted)
        if after and (after == len(window) or wanted - window[after - 1] <= window[after] - wanted):
            after -= 1
        first = places[-1] + 1 if places else lo
        places.append(min(max(first, lo + after), hi - left))
    return places
