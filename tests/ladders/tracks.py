"""One rendition's segments, whoever lists them, and what is said of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av


@dataclass(frozen=True)
class Piece:
    """A file, or some bytes of it."""

    file: Path
    begin: int = 0
    size: int = -1  # to the end

    @property
    def content(self) -> bytes:
        content = self.file.read_bytes()[self.begin :]
        return content if self.size < 0 else content[: self.size]


@dataclass(frozen=True)
class Segment:
    """One segment as its list tells of it."""

    piece: Piece
    begin: Fraction  # seconds of the presentation
    duration: Fraction


@dataclass(frozen=True)
class Packet:
    """One coded picture or stretch of sound."""

    pts: Fraction
    dts: Fraction
    key: bool
    size: int


@dataclass(frozen=True)
class Track:
    """`told` is what the folder's lists say of it, in HLS' words."""

    kind: str  # video, audio, text
    name: str
    init: Piece | None
    segments: tuple[Segment, ...]
    told: dict[str, str] = field(default_factory=dict)
    lists: tuple[Path, ...] = ()  # its own playlist
    offset: Fraction = Fraction(0)  # of the media's times, which is taken from them

    @property
    def head(self) -> bytes:
        return self.init.content if self.init else b""

    @property
    def content(self) -> bytes:
        """One file that any program can read."""
        return self.head + b"".join(segment.piece.content for segment in self.segments)

    @property
    def suffix(self) -> str:
        return "mp4" if self.init else "ts"

    @cached_property
    def packets(self) -> list[list[Packet]]:
        """By segment, each read by itself after the initialisation."""
        return [list(self._packets(self.head + segment.piece.content)) for segment in self.segments]

    def _packets(self, content: bytes) -> Iterator[Packet]:
        with av.open(io.BytesIO(content)) as opened:
            stream = getattr(opened.streams, self.kind)[0]
            for packet in opened.demux(stream):
                if packet.size:
                    base = Fraction(stream.time_base)
                    pts, dts = packet.pts * base - self.offset, packet.dts * base - self.offset
                    yield Packet(pts, dts, packet.is_keyframe, packet.size)


@dataclass(frozen=True)
class Folder:
    """All that one master playlist or manifest names."""

    file: Path
    tracks: tuple[Track, ...]
    keys: tuple[Track, ...] = ()  # of key frames alone
    seconds: Fraction = Fraction(0)

    def of(self, kind: str) -> list[Track]:
        return [track for track in self.tracks if track.kind == kind]
