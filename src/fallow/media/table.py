"""The table of a video stream's packets, filled in one pass and turned into a frame index."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.video.stream import VideoStream

from fallow.media.frames import SAFE, SHOWN, FrameIndex, least_step, spread
from fallow.media.safekeys import packet_test

_NOT_CODED = 19  # bytes of an MPEG-4 picture that only says "as before": decoders show nothing for it, at most
_PARSED = ("mpeg1video", "mpeg2video", "mpeg4")  # whose display times FFmpeg works out when a container has none


class Table:
    """Rows of (time, flags), in decode order."""

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self.time_base = stream.time_base or Fraction(1, 90000)
        self.changed = False  # the codec's headers change on the way
        self._rate = stream.average_rate or Fraction(25)
        self._depth = context.reorder_depth
        codec = context.codec.canonical_name
        self._mpeg4 = codec == "mpeg4"
        self._dts_only = stream.container.format.name == "avi" and codec not in _PARSED
        self._untimed = 0  # packets without any time
        self._packed = False  # two frames in a packet
        self._extradata = bytes(context.extradata or b"")
        self._test = packet_test(context.codec.canonical_name, self._extradata)
        self._pts = array("q")
        self._dts = array("q")
        self._sizes = array("q")
        self._durations = array("q")
        self._flags = bytearray()
        self._discarded = array("q")
        self._first_key = 0
        self._order: Sequence[int] | None = None  # the rows in display order, where times do not tell it

    @property
    def rows(self) -> int:
        """How many packets there are."""
        return len(self._pts)

    def add(self, packet: Packet[Any]) -> None:
        """Learn from the next packet."""
        row, flags, pts = len(self._pts), self._test(packet), self._time(packet)
        if packet.is_discard:
            self._discarded.append(row)
            flags &= ~SHOWN
        if packet.is_keyframe and not self._first_key:
            self._first_key = row
        self._packed |= bool(packet.opaque)
        if row and packet.has_sidedata("new_extradata"):
            self.changed |= bytes(packet.get_sidedata("new_extradata")) != self._extradata
        self._pts.append(pts)
        self._dts.append(pts if packet.dts is None else packet.dts)
        self._sizes.append(packet.size)
        self._durations.append(packet.duration or 0)
        self._flags.append(flags)

    @property
    def interrupted(self) -> bool:
        """Packets are hidden in the midst of others: an edit list of several pieces."""
        times = [self._pts[row] for row in self._shown()]
        return bool(times) and any(min(times) < self._pts[row] < max(times) for row in self._discarded)

    @property
    def doubtful(self) -> bool:
        """The packets' times do not tell the order of display."""
        if self._untimed or self._packed:
            return True
        if self._dts_only and self._depth:
            return True
        shown = [self._pts[row] for row in self._shown()]
        reordered = any(map(operator.gt, shown, shown[1:]))
        return reordered and len(set(shown)) < len(shown)

    def arrange(self, rows: Sequence[int]) -> int:
        """Take the order of display from a decoder; returns how many frames that should be shown it never gave."""
        missing = set(self._shown()).difference(rows)
        times = self._times(rows)
        for row in missing:
            self._flags[row] &= ~SHOWN
        for row, pts in zip(rows, times, strict=True):
            self._flags[row] |= SHOWN
            self._pts[row] = pts
        self._order = rows
        return sum(1 for row in missing if not self._mpeg4 or self._sizes[row] > _NOT_CODED)

    def index(self, start: Fraction, decoded: Sequence[int]) -> FrameIndex:
        """The index. `decoded` are rows near the beginning that a decoder was seen to show; what comes before the
        earliest of them is not displayed: it needs pictures from before the recording began."""
        if self._pts and not any(flags & SAFE for flags in self._flags):
            self._flags[self._first_key] |= SAFE  # intra refresh from the middle on: as good as it gets
        if self._order is None:
            self._hide_before(min((self._pts[row] for row in decoded), default=-(1 << 62)))
        order = self._order or sorted(self._shown(), key=self._pts.__getitem__)
        times = [self._pts[row] for row in order]
        for row, pts in zip(order, spread(times, self._step), strict=True):
            self._pts[row] = pts
        return self._finished(self._pts, bytes(self._flags), order, times, start)

    def decoded_index(self, start: Fraction, rows: Sequence[int]) -> FrameIndex:
        """An index for chunks made of decoded frames: every frame is its own entry point."""
        times = [self._pts[row] for row in rows]
        pts = array("q", spread(times, self._step))
        return replace(self._finished(pts, bytes([SAFE | SHOWN]) * len(pts), rows, times, start), decoded=True)

    @property
    def _step(self) -> int:
        return least_step(self.time_base)

    def _finished(
        self, pts: array[int], flags: bytes, order: Sequence[int], times: Sequence[int], start: Fraction
    ) -> FrameIndex:
        last, gap = self._durations[order[-1]] if order else 0, self._last_gap(times)
        unstated = last == 0 or (last == 1 and gap > 2)  # FFmpeg's rule, too
        return FrameIndex(
            time_base=self.time_base,
            row_pts=pts,
            row_flags=flags,
            last_duration=gap if unstated else last,
            start_ticks=round(start / self.time_base),
            stated_pts=array("q", times) if len(set(times)) < len(times) else array("q"),
        )

    def _last_gap(self, times: Sequence[int]) -> int:
        step = round(1 / (self._rate * self.time_base))
        return max(1, times[-1] - times[-2] if len(times) > 1 else step)

    def _shown(self) -> list[int]:
        return [row for row, flags in enumerate(self._flags) if flags & SHOWN]

    def _time(self, packet: Packet[Any]) -> int:
        if packet.pts is not None and not self._dts_only:
            return packet.pts
        if packet.dts is not None:
            return packet.dts
        self._untimed += 1
        return self._pts[-1] if self._pts else 0

    def _times(self, rows: Sequence[int]) -> list[int]:
        """The display times of rows given in display order."""
        step = 1 / (self._rate * self.time_base)
        if self._untimed:
            return [round(place * step) for place in range(len(rows))]
        if not self._dts_only and not self._packed:
            return sorted(self._pts[row] for row in rows)
        # FFmpeg shows a frame at the decode time of the packet with which it comes out.
        dts = sorted(self._dts[row] for row in rows)
        return dts[self._depth :] + [round(dts[-1] + (n + 1) * step) for n in range(min(self._depth, len(dts)))]

    def _hide_before(self, first: int) -> None:
        entry = next(row for row, flags in enumerate(self._flags) if flags & SAFE)
        for row in self._shown():
            if self._pts[row] < first:
                self._flags[row] &= ~SHOWN
            elif row < entry:  # decoders show it, although no entry point comes before it
                self._flags[0] |= SAFE
