"""Where to cut a source, and which packets a chunk needs: pure functions of the frame index."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow.media.frames import SAFE, SHOWN, FrameIndex

_LEAST = Fraction(3, 4)  # of the target: how much shorter a chunk may be to end at an entry point

# A cut between two entry points makes its chunk carry everything from the earlier one on. Growing chunks keep the
# sum of that within a small multiple of the source, even for a film with a single entry point.
_RUN_UP = 4  # a chunk is at least a quarter of its run-up long


@dataclass(frozen=True)
class Taper:
    """How chunks become shorter towards the end, so that those who share the last ones are done at about the same
    time: each is a share of what is left then."""

    share: float  # of the time that is left
    least: float  # seconds of the shortest chunk
    step: float = 0.0  # lengths are whole multiples of it; 0: any

    def length(self, target: float, left: float) -> float:
        """Seconds of the chunk that begins when so many are left, by this alone."""
        wanted = min(target, max(self.least, self.share * left))
        return max(1, wanted // self.step) * self.step if self.step and wanted < target else wanted


def cuts(
    index: FrameIndex, target: float, limit: float, begun: Sequence[int] = (0,), taper: Taper | None = None
) -> list[int]:
    """Cut points as display indices, the first 0, the last the number of frames. Those `begun` with stay.

    A chunk ends at the entry point that makes its length the nearest to `target` seconds, as long as that is from
    three quarters of the target to less than `limit`; otherwise in the midst of a GOP. No chunk but a lonely one is
    shorter than half the target. Chunks of like length keep all workers busy to the end. With a `taper`, target and
    limit become less towards it.
    """
    pts = index.pts
    entries = _entries(index)
    end = pts[-1] + index.last_duration if pts else 0
    result = list(begun)
    while result[-1] < len(pts):
        left = float((end - pts[result[-1]]) * index.time_base)
        length = taper.length(target, left) if taper else target
        wanted, most = _ticks(index, length, limit * (length / target))
        result.append(_next_cut(index, entries, result[-1], wanted, most))
    return result


def settled_cuts(
    index: FrameIndex, target: float, limit: float, spare: int, begun: Sequence[int] = (0,)
) -> list[int]:
    """The first cut points of a source that is known up to some frame only, as far as they stay the same however it
    goes on, and `spare` frames after each of them are known."""
    pts = index.pts
    entries = _entries(index)
    wanted, most = _ticks(index, target, limit)
    result = list(begun)
    while result[-1] < len(pts):
        lo = result[-1]
        cut = _next_cut(index, entries, lo, wanted, most)
        length = _length(index, entries, lo, wanted)
        compared = pts[entries[-1]] >= pts[lo] + length if entries else False
        if cut + spare >= len(pts) or not (compared or pts[-1] >= pts[lo] + max(most, length)):
            break
        result.append(cut)
    return result


def select(index: FrameIndex, lo: int, hi: int) -> list[int]:
    """The rows needed to show the frames [lo, hi): from the last entry point at or before the first of them, in
    decode order through the last that is shown among them, without that entry's own leading pictures."""
    wanted = index.display_rows[lo:hi]
    first, last = _entry_row(index, lo, min(wanted)), max(wanted)
    floor = index.row_pts[first]
    if floor > index.pts[lo]:  # the very first entry: its leading pictures are among the frames wanted
        return list(range(first, last + 1))
    return [first, *(row for row in range(first + 1, last + 1) if index.row_pts[row] >= floor)]


def _ticks(index: FrameIndex, target: float, limit: float) -> tuple[Fraction, Fraction]:
    return Fraction(target) / index.time_base, Fraction(max(target, limit)) / index.time_base


def _entries(index: FrameIndex) -> list[int]:
    """The display indices of the entry points."""
    both = SAFE | SHOWN
    return [i for i, row in enumerate(index.display_rows) if index.row_flags[row] & both == both]


def _next_cut(index: FrameIndex, entries: list[int], lo: int, wanted: Fraction, most: Fraction) -> int:
    pts = index.pts
    here = pts[lo]
    end = pts[-1] + index.last_duration
    length = _length(index, entries, lo, wanted)
    cut = bisect_left(pts, _ceil(here + length))
    cut = _nearest_entry(pts, entries, here, length, max(most, length)) or cut
    if cut >= len(pts) or end - pts[cut] < wanted / 2:
        return len(pts)
    return max(cut, lo + 1)


def _length(index: FrameIndex, entries: list[int], lo: int, wanted: Fraction) -> Fraction:
    """Ticks that the chunk from frame `lo` on should last."""
    pts = index.pts
    known = bisect_right(entries, lo)
    entered = pts[entries[known - 1]] if known else pts[0]
    return max(wanted, Fraction(pts[lo] - entered, _RUN_UP))


def _nearest_entry(pts: Sequence[int], entries: list[int], here: int, length: Fraction, most: Fraction) -> int:
    """The entry point that is the nearest to `length` after `here`, not much less nor `most` away; 0: none."""
    after = bisect_left(entries, _ceil(here + length), key=pts.__getitem__)
    around = entries[max(after - 1, 0) : after + 1]
    fitting = [entry for entry in around if _LEAST * length <= pts[entry] - here < most]
    return min(reversed(fitting), key=lambda entry: abs(pts[entry] - here - length), default=0)


def _entry_row(index: FrameIndex, lo: int, before: int) -> int:
    """The last entry point that is neither displayed after frame `lo` nor decoded after row `before`."""
    rows, pts = index.safe_rows, index.row_pts
    place = bisect_right(rows, before) - 1
    while place > 0 and pts[rows[place]] > index.pts[lo]:
        place -= 1
    return rows[max(place, 0)]


def _ceil(value: Fraction) -> int:
    return -int(-value // 1)
