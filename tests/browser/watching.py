"""What is wrong with what a player showed, against the times of the source's pictures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

from browser.player import Picture, Played

GRAIN = 0.001  # seconds; players count in microseconds, MPEG-TS in 1/90000 s


def middles(times: Sequence[float]) -> list[float]:
    """A moment in the midst of each picture."""
    ends = [*times[1:], times[-1] + (times[-1] - times[-2] if len(times) > 1 else 0.04)]
    return [(begin + end) / 2 for begin, end in zip(times, ends, strict=True)]


def stepped(shown: Sequence[Picture | None], times: Sequence[float]) -> list[str]:
    """Each picture of the source in its turn, at its time."""
    faults = []
    for number, (picture, time) in enumerate(zip(shown, times, strict=True)):
        if picture is None:
            faults.append(f"nothing new is shown for picture {number}")
        elif picture.number != number:
            faults.append(f"picture {picture.number} is shown for picture {number}")
        elif abs(picture.time - time) > GRAIN:
            faults.append(f"picture {number} is at {picture.time:.6f} s instead of {time:.6f}")
    return faults


def played(told: Played, times: Sequence[float]) -> list[str]:
    """None twice, none too many or too few; a page need not be told of each while a machine is busy."""
    faults = moved(told.pictures, times)
    if told.decoded != len(times):
        faults.append(f"{told.decoded} pictures were decoded instead of {len(times)}")
    # At a multiple of its speed, a screen shows only some pictures, and the very last may be none of them.
    if told.last is None or not 0 <= len(times) - 1 - told.last < told.speed:
        faults.append(f"the last picture is {told.last}, not {len(times) - 1}")
    return [*faults, *(f"there is a hole at {at:.3f} s" for at in told.holes)]


def moved(pictures: Iterable[Picture], times: Sequence[float]) -> list[str]:
    """Forward only, at times of the source; while a machine is busy, a later picture is there when one looks."""
    faults, before = [], -1
    for picture in pictures:
        number = bisect_left(times, picture.time - GRAIN)
        if number == len(times) or abs(times[number] - picture.time) > GRAIN:
            faults.append(f"a picture is shown at {picture.time:.6f} s, where the source has none")
        elif number <= before:
            faults.append(f"picture {number} comes after {before}")
        elif picture.number is None or not number <= picture.number < len(times):
            faults.append(f"picture {picture.number} is shown for picture {number}")
        before = number
    return faults


def switches(pictures: Iterable[Picture]) -> list[tuple[int | None, int]]:
    """Where the rendition changes: the first picture of another height, and that."""
    return [(b.number, b.height) for a, b in pairwise(pictures) if a.height != b.height]
