"""Segments of MPEG-TS: each begins with its tables, and its packets go on counting where the one before ended."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from fallow import recipe

CLOCK = 90000  # ticks a second
# When the presentation begins; earlier times, as of a decoder's delay, have room before it.
LEAD = int(recipe.LEAD * CLOCK)
_PACKET = 188
_OPTIONS = {
    "mpegts_copyts": "1",  # times stay what they are
    "flush_packets": "1",  # so that places in the file are known
    "max_delay": "700000",  # microseconds a receiver may buffer
    "muxrate": "0",
}


@dataclass(frozen=True)
class Timed:
    """One packet and its times, in ticks of the transport's clock without its lead."""

    packet: Any
    pts: int
    dts: int


@dataclass(frozen=True)
class Transported:
    """A segment's bytes."""

    data: bytes
    first: int  # bytes to the end of the first packet's
    counters: dict[int, int]  # the number of the last transport packet, by its id


def transport(template: Any, packets: Sequence[Timed], counters: dict[int, int]) -> Transported:
    """The packets of one stream as a segment that goes on after those `counters`."""
    file = io.BytesIO()
    output = av.open(file, "w", format="mpegts", options=_OPTIONS)
    stream = output.add_stream_from_template(template, opaque=True)
    first = 0
    for item in packets:
        packet = av.Packet(bytes(item.packet))
        packet.stream, packet.time_base = stream, Fraction(1, CLOCK)  # the stream's own is another before its head
        packet.pts, packet.dts = item.pts + LEAD, item.dts + LEAD
        packet.is_keyframe = item.packet.is_keyframe
        output.mux_one(packet)
        first = first or file.tell()
    output.close()
    return _renumbered(bytearray(file.getvalue()), first, dict(counters))


def _renumbered(data: bytearray, first: int, counters: dict[int, int]) -> Transported:
    """Every muxer begins to count anew, which receivers take for a loss."""
    for place in range(0, len(data), _PACKET):
        identity = (data[place + 1] & 0x1F) << 8 | data[place + 2]
        if data[place + 3] & 0x10:  # those without payload do not count
            counters[identity] = counters.get(identity, 15) + 1 & 15
        data[place + 3] = data[place + 3] & 0xF0 | counters.get(identity, 0)
    return Transported(bytes(data), first, counters)
