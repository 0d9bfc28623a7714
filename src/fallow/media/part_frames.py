"""The frames of an encoded part, each with its place in the result; checked while they pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from fallow.errors import BrokenPart
from fallow.media.inspect import Headers, only_stream, reading, rising
from fallow.media.packet_order import nearest, ranked
from fallow.media.result_layout import VideoPart
from fallow.recipe import LEAD


def places(part: VideoPart, times: Sequence[int], time_base: Fraction) -> Sequence[int]:
    """Where in the result the part's frames belong, in display order."""
    if not part.damaged:
        return range(part.lo, part.hi)
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "video")
        pts = [packet.pts for packet in rising(opened.demux(stream))]
        ticks = Fraction(stream.time_base) / time_base
    if len(pts) > part.hi - part.lo:
        raise BrokenPart(f"The part holds {len(pts)} frames for {part.hi - part.lo} places.")
    # Chunk time begins at the lead where the first frame is shown.
    zero = LEAD / time_base - times[0]
    return nearest(pts, ticks, zero, times, part.lo, part.hi)


def frames(part: VideoPart, there: Sequence[int], depth: int, headers: str) -> Iterator[tuple[Any, int]]:
    """The part's packets in decode order, each with its place; checked while they pass."""
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "video")
        prints, count = Headers(stream), 0
        for packet, rank in ranked(rising(opened.demux(stream)), depth):
            if count == 0 and not packet.is_keyframe:
                raise BrokenPart("The part does not begin with a key frame.")
            if rank >= len(there):
                raise BrokenPart(f"The part holds more than its {len(there)} frames.")
            prints.see(packet)
            count += 1
            yield packet, there[rank]
    if count != len(there):
        raise BrokenPart(f"The part holds {count} frames instead of {len(there)}.")
    if prints.digest() != headers:
        raise BrokenPart("The part was encoded with other parameter sets than the first one.")
