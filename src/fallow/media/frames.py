"""The index of a video stream: its packets in decode order and its frames in display order, as compact arrays."""

from __future__ import annotations

import json
import operator
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from fallow.errors import BrokenPart
from fallow.recipe import LEAD

SAFE = 1  # decoding is exact from this packet on, leading pictures apart
SHOWN = 2  # the packet's frame is displayed

_MAGIC = b"FallowIndex1\n"


@dataclass(frozen=True)
class FrameIndex:
    """What must be known of a video stream to cut it anywhere: built once, kept beside the source."""

    time_base: Fraction  # seconds per tick
    row_pts: array[int]  # per packet in decode order; those of shown frames all differ
    row_flags: bytes  # SAFE | SHOWN
    last_duration: int  # ticks that the last frame is displayed
    start_ticks: int  # the source's start in ticks of this stream
    decoded: bool = False  # chunks cannot be made of packets: they are decoded and stored losslessly
    stated_pts: array[int] = field(default_factory=lambda: array("q"))  # the source's own display times, if others

    @cached_property
    def display_rows(self) -> array[int]:
        """The row of each displayed frame, in display order."""
        flags, pts = self.row_flags, self.row_pts
        shown = [row for row in range(len(pts)) if flags[row] & SHOWN]
        return array("q", sorted(shown, key=pts.__getitem__))

    @cached_property
    def pts(self) -> array[int]:
        """The display times in ticks, rising."""
        return array("q", map(self.row_pts.__getitem__, self.display_rows))

    @cached_property
    def safe_rows(self) -> array[int]:
        """The rows at which decoding may begin, in decode order."""
        return array("q", (row for row, flags in enumerate(self.row_flags) if flags & SAFE))

    @cached_property
    def smallest_gap(self) -> int:
        """Ticks between the two closest neighbours."""
        pts = self.pts
        return min(map(operator.sub, pts[1:], pts), default=max(1, self.last_duration))

    @property
    def lead_ticks(self) -> int:
        """What is added to every chunk time: at least LEAD, in whole ticks."""
        return -int(-LEAD // self.time_base)

    @property
    def duration(self) -> Fraction:
        """Seconds from the source's start to the end of the last frame."""
        return (self.pts[-1] + self.last_duration - self.start_ticks) * self.time_base

    def seconds(self, frame: int) -> Fraction:
        """When a frame is displayed, in seconds after the source's start; after the last one: when that ends."""
        pts = self.pts[frame] if frame < len(self.pts) else self.pts[-1] + self.last_duration
        return (pts - self.start_ticks) * self.time_base

    def times(self) -> Sequence[int]:
        """When each frame is displayed, in ticks after the source's start."""
        return array("q", (p - self.start_ticks for p in self.pts))

    def chunk_ticks(self, pts: int) -> int:
        """A display time as the chunks' packets carry it, in ticks."""
        return pts - self.pts[0] + self.lead_ticks

    def edge(self, frame: int) -> Fraction:
        """The instant between the frames `frame - 1` and `frame` that separates them in a chunk, in seconds.

        A quarter of the smallest gap before the later one: FFmpeg rounds an edge to the nearest tick, so that half
        a gap may fall on either side when the gap is a single tick.
        """
        last = len(self.pts)
        pts = self.pts[frame] if frame < last else self.pts[-1] + self.smallest_gap
        return (self.chunk_ticks(pts) - Fraction(self.smallest_gap, 4)) * self.time_base

    def to_bytes(self) -> bytes:
        """A compact, versioned form."""
        head = {
            "time_base": [self.time_base.numerator, self.time_base.denominator],
            "last_duration": self.last_duration,
            "start_ticks": self.start_ticks,
            "decoded": self.decoded,
            "rows": len(self.row_pts),
            "stated": len(self.stated_pts),
        }
        steps = array("q", (*_steps(self.row_pts), *_steps(self.stated_pts)))  # nearly all alike: they pack well
        body = zlib.compress(self.row_flags + _little_endian(steps).tobytes(), 6)
        return _MAGIC + json.dumps(head).encode() + b"\n" + body

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameIndex:
        """What `to_bytes` was made of. Raises BrokenPart when `data` is nothing of the kind."""
        if not data.startswith(_MAGIC):
            raise BrokenPart("The stored frame index is of another version or damaged: split the source again.")
        try:
            line, body = data[len(_MAGIC) :].split(b"\n", 1)
            head = json.loads(line)
            raw = zlib.decompress(body)
            rows, steps = head["rows"], array("q", raw[head["rows"] :])
            steps = _little_endian(steps)
            return cls(
                time_base=Fraction(*head["time_base"]),
                row_pts=array("q", accumulate(steps[:rows])),
                row_flags=raw[:rows],
                last_duration=head["last_duration"],
                start_ticks=head["start_ticks"],
                decoded=head["decoded"],
                stated_pts=array("q", accumulate(steps[rows : rows + head["stated"]])),
            )
        except (ValueError, KeyError, zlib.error) as error:
            raise BrokenPart("The stored frame index is damaged: split the source again.") from error


def spread(pts: Iterable[int], step: int) -> Iterable[int]:
    """Display times, sorted, with at least `step` between neighbours: two frames never share one."""
    last: int | None = None
    for value in pts:
        last = value if last is None else max(value, last + step)
        yield last


def least_step(time_base: Fraction) -> int:
    """The smallest step between frames that an MPEG-TS chunk (1/90000 s) still tells apart, in ticks."""
    return max(1, -int(-Fraction(1, 90000) // time_base))


def _steps(values: array[int]) -> Iterable[int]:
    if not values:
        return ()
    return (values[0], *map(operator.sub, values[1:], values))


def _little_endian(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values
