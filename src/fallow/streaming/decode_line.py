"""When the frames of a segment are decoded. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def decode_times(shown: Sequence[int], shift: int) -> list[int]:
    """For frames in decode order, shown at these ticks: rising ticks at which to decode them, on a line that runs
    `shift` ahead. The first is the tick at which the segment begins to be shown, and none is too late.

    The times of display themselves, in order, are the natural line: players that only look at it see the segment
    where it is. After a long still picture they would be too late by more than a fixed shift makes up for; then the
    frames behind it are decoded earlier.
    """
    line = sorted(shown)
    latest = line[-1] + shift
    bound = latest + 1
    for place in range(len(line) - 1, -1, -1):
        latest = min(latest, shown[place] + shift)
        line[place] = bound = min(line[place], latest, bound - 1)
    return line
