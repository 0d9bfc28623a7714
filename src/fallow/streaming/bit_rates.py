"""What a stream takes of a line, measured in its segments."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fallow.streaming.listing import Listed, Segment


def average(stream: Listed) -> int:
    """Bits a second over all segments, rounded up."""
    return _rate(stream.segments, stream.facts.timescale)


def peak(stream: Listed, target: int) -> int:
    """The highest rate of neighbouring segments that last from half to one and a half of the target duration
    together: RFC 8216, 4.1."""
    low, high = (Fraction(target * n, 2) * stream.facts.timescale for n in (1, 3))
    highest = average(stream)
    for first in range(len(stream.segments)):
        length = size = 0
        for segment in stream.segments[first:]:
            length, size = length + segment.duration, size + segment.size
            if length > high:
                break
            if length >= low:
                highest = max(highest, _bits(size, length, stream.facts.timescale))
    return highest


def _rate(segments: Sequence[Segment], timescale: int) -> int:
    return _bits(sum(s.size for s in segments), sum(s.duration for s in segments), timescale)


def _bits(size: int, ticks: int, timescale: int) -> int:
    return -(-size * 8 * timescale // ticks) if ticks else 0
