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
from fallow.media.guess_times import guessed
from fallow.media.safekeys import is_b_picture, length_size, packet_test
from fallow.media.wholeness import whole_test

_NOT_CODED = 19  # bytes of an MPEG-4 picture that only says "as before": decoders show nothing for it, at most
_PARSED = ("mpeg1video", "mpeg2video", "mpeg4")  # whose display times FFmpeg works out when a container has none
_MPEG = ("mpeg1video", "mpeg2video")  # whose pictures tell their order themselves
_REORDERED = ("h264", "hevc", "vvc")  # whose headers tell whether they are reordered
_NONE = -(1 << 62)  # no time

Came = tuple[int, int | None]
"""A decoded frame: the row of its packet, and of the packet with which it came out."""


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
        self._mpeg = codec in _MPEG
        self._deep = codec in _REORDERED and self._depth > 0
        # FFmpeg makes up times that leave no room for the second picture.
        self._bare = codec == "mpeg1video" and stream.container.format.name == "mpegvideo"
        self._dts_only = stream.container.format.name == "avi" and codec not in _PARSED
        self._untimed = 0  # packets without any time
        self._packed = False  # two frames in a packet
        self._extradata = bytes(context.extradata or b"")
        self._test = packet_test(codec, self._extradata)
        self._sized = bool(length_size(codec, self._extradata))
        self._whole = whole_test(codec, self._extradata)
        self._broken = array("q")
        self._pts = array("q")
        self._dts = array("q")
        self._stated = array("q")
        self._b_pictures = bytearray()  # of MPEG-1 and MPEG-2: the rows of pictures that no other refers to
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
        if not self._whole(packet):
            self._broken.append(row)
        self._packed |= bool(packet.opaque)
        if row and packet.has_sidedata("new_extradata"):
            self.changed |= bytes(packet.get_sidedata("new_extradata")) != self._extradata
        self._pts.append(pts)
        self._dts.append(_NONE if packet.dts is None else packet.dts)
        self._stated.append(_NONE if packet.pts is None else packet.pts)
        if self._mpeg:
            self._b_pictures.append(is_b_picture(packet))
        self._sizes.append(packet.size)
        self._durations.append(packet.duration or 0)
        self._flags.append(flags)

    @property
    def broken(self) -> list[int]:
        """The rows of packets that were visibly damaged."""
        return [row for row in self._broken if not self._spliced(row)]

    @property
    def splices(self) -> list[int]:
        """The rows of packets that seem damaged because another recording follows, which began anew to count."""
        return [row for row in self._broken if self._spliced(row)]

    @property
    def interrupted(self) -> bool:
        """Packets are hidden in the midst of others: an edit list of several pieces."""
        times = [self._pts[row] for row in self._shown()]
        return bool(times) and any(min(times) < self._pts[row] < max(times) for row in self._discarded)

    @property
    def doubtful(self) -> bool:
        """The packets' times do not tell the order of display."""
        if self._untimed or self._packed or self._bare:
            return True
        if self._dts_only and self._depth:
            return True
        if any(pts < dts for pts, dts in zip(self._stated, self._dts, strict=True) if pts != _NONE):
            return True
        if self._overtaken():
            return True
        shown = [self._pts[row] for row in self._shown()]
        reordered = any(map(operator.gt, shown, shown[1:]))
        if self._mpeg and self._depth:
            shown = [self._pts[row] for row in self._by_picture()]
            return any(map(operator.ge, shown, shown[1:]))
        return len(set(shown)) < len(shown) if reordered else self._deep

    def arrange(self, came: Sequence[Came], start: Fraction) -> int:
        """Take the order of display from a decoder; returns how many frames that should be shown it never gave."""
        rows = [row for row, _ in came]
        missing = set(self._shown()).difference(rows)
        times = self._times(came, round(start / self.time_base))
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

    def _overtaken(self) -> bool:
        """A picture is to be shown after an entry point that was coded after it."""
        latest = _NONE
        for row in self._shown():
            if self._flags[row] & SAFE and self._pts[row] < latest:
                return True
            latest = max(latest, self._pts[row])
        return False

    def _spliced(self, row: int) -> bool:
        """Demuxers notice with the first packet of the next recording, when the last one is still being parsed."""
        return not self._sized and any(flags & SAFE for flags in self._flags[row + 1 : row + 3])

    def _shown(self) -> list[int]:
        return [row for row, flags in enumerate(self._flags) if flags & SHOWN]

    def _time(self, packet: Packet[Any]) -> int:
        if packet.pts is not None and not self._dts_only:
            return packet.pts
        if packet.dts is not None:
            return packet.dts
        self._untimed += 1
        return self._pts[-1] if self._pts else 0

    def _by_picture(self) -> list[int]:
        """The shown rows in the order that MPEG-1 and MPEG-2 pictures have by their types."""
        result: list[int] = []
        held: int | None = None
        for row in self._shown():
            if self._b_pictures[row]:
                result.append(row)
                continue
            result += [] if held is None else [held]
            held = row
        return result + ([] if held is None else [held])

    def _times(self, came: Sequence[Came], start: int) -> list[int]:
        """The display times of frames given in display order."""
        step = 1 / (self._rate * self.time_base)
        if self._bare:
            return [start + round(place * step) for place in range(len(came))]
        if not self._dts_only and not self._packed:
            return guessed((self._stamps(*frame) for frame in came), start, step)
        # FFmpeg shows a frame at the decode time of the packet with which it comes out.
        dts = sorted(self._pts[row] if self._dts[row] == _NONE else self._dts[row] for row, _ in came)
        return dts[self._depth :] + [round(dts[-1] + (n + 1) * step) for n in range(min(self._depth, len(dts)))]

    def _stamps(self, row: int, by: int | None) -> tuple[int | None, int | None]:
        pts, dts = self._stated[row], _NONE if by is None else self._dts[by]
        return None if pts == _NONE else pts, None if dts == _NONE else dts

    def _hide_before(self, first: int) -> None:
        entry = next(row for row, flags in enumerate(self._flags) if flags & SAFE)
        for row in self._shown():
            if self._pts[row] < first:
                self._flags[row] &= ~SHOWN
            elif row < entry:  # decoders show it, although no entry point comes before it
                self._flags[0] |= SAFE
