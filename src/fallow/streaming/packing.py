"""The two ways to make a file of a segment's packets: as fragments of an MP4 (CMAF), or as MPEG-TS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fallow.media.coded import plain
from fallow.media.transport import CLOCK, Timed, transport
from fallow.streaming.fragments import Header, Sample, header, segment
from fallow.streaming.listing import StreamFacts


@dataclass(frozen=True)
class Row:
    """One packet on the line of its media, which runs `StreamFacts.shift` ticks ahead of the presentation."""

    packet: Any
    decoded: int  # tick of the media
    shown: int  # tick of the presentation
    duration: int  # until the next one is decoded


@dataclass(frozen=True)
class Packed:
    """A segment's bytes, and how many of them show its first packet."""

    data: bytes
    first: int


Counters = tuple[tuple[int, int], ...]


class Packing(Protocol):
    """Makes the segments of one stream, in order, of the packets of a part's stream, the template."""

    ending: str
    nothing: bytes  # a file that readers find nothing in, and do not complain of

    def __init__(self, facts: StreamFacts, template: Any, counters: Counters) -> None: ...

    @staticmethod
    def header(track: Header) -> bytes:
        """What belongs before all segments, if anything does."""
        ...

    @property
    def counters(self) -> Counters:
        """What whoever goes on with the next segment must know."""
        ...

    def pack(self, number: int, rows: Sequence[Row]) -> Packed: ...


class Fragments:
    """Segments of CMAF."""

    ending = ".m4s"
    nothing = b"\0\0\0\x08free"

    def __init__(self, facts: StreamFacts, template: Any, counters: Counters) -> None:
        self._shift = facts.shift
        self._plain = plain(template.codec_context.codec.canonical_name)

    @staticmethod
    def header(track: Header) -> bytes:
        return header(track)

    @property
    def counters(self) -> Counters:
        return ()

    def pack(self, number: int, rows: Sequence[Row]) -> Packed:
        made = segment(number, rows[0].decoded, [self._sample(row) for row in rows])
        return Packed(made.data, made.first)

    def _sample(self, row: Row) -> Sample:
        offset = row.shown - row.decoded + self._shift
        return Sample(self._plain(row.packet), row.duration, offset, bool(row.packet.is_keyframe))


class Transport:
    """Segments of MPEG-TS."""

    ending = ".ts"
    nothing = b"\x47\x1f\xff\x10" + b"\xff" * 184

    def __init__(self, facts: StreamFacts, template: Any, counters: Counters) -> None:
        self._facts = facts
        self._template = template
        self._counters = dict(counters)

    @staticmethod
    def header(track: Header) -> bytes:
        return b""

    @property
    def counters(self) -> Counters:
        return tuple(sorted(self._counters.items()))

    def pack(self, number: int, rows: Sequence[Row]) -> Packed:
        made = transport(self._template, [self._timed(row) for row in rows], self._counters)
        self._counters = made.counters
        return Packed(made.data, made.first)

    def _timed(self, row: Row) -> Timed:
        return Timed(row.packet, self._clock(row.shown), self._clock(row.decoded - self._facts.shift))

    def _clock(self, tick: int) -> int:
        scale = self._facts.timescale
        return (2 * tick * CLOCK + scale) // (2 * scale)
