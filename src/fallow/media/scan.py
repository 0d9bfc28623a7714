"""One pass over a source's packets: the table of its video stream, and where its other tracks begin and end."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from fallow.media.chain import Chain
from fallow.media.first_frames import check_clear
from fallow.media.packet_table import Table
from fallow.media.packets import packets
from fallow.media.reader import RangedReader
from fallow.media.sound import Edges, SampleClock

TEXT_CODECS = ("subrip", "srt", "mov_text", "ass", "ssa", "webvtt", "text")


def audio_streams(container: InputContainer) -> dict[int, AudioStream]:
    """The audio streams that can be decoded, by their place among all audio streams."""
    return {i: s for i, s in enumerate(container.streams.audio) if s.codec_context is not None}


def text_streams(container: InputContainer) -> dict[int, Stream]:
    """The text subtitle streams by their place among all subtitle streams."""
    subtitles = enumerate(container.streams.subtitles)
    return {i: s for i, s in subtitles if s.codec_context is not None and s.codec_context.name in TEXT_CODECS}


def wanted_streams(container: InputContainer, video: VideoStream) -> list[Stream]:
    """The streams that every pass over the tracks reads, so that all of them see the same times."""
    return [video, *audio_streams(container).values(), *text_streams(container).values()]


@dataclass
class Scan:
    """What the pass has learned."""

    table: Table
    edges: dict[int, Edges]  # of each audio stream, by stream index
    events: dict[int, int] = field(default_factory=dict)  # packets of each text stream, by stream index
    spoilt: int = 0  # packets of sound and text that the demuxer found damaged
    damage: str = ""  # why reading ended early
    last: int = 0  # where the last packet begins
    unread: int | None = None  # the first byte at which nothing could be found
    lost: int = 0  # frames that a decoder never gave

    @classmethod
    def of(cls, reader: RangedReader, container: InputContainer, video: VideoStream, start: Fraction) -> Scan:
        """Read the whole source. Raises BadInput when it is encrypted."""
        streams = wanted_streams(container, video)
        edges = {s.index: Edges(SampleClock.of(s, start)) for s in streams if isinstance(s, AudioStream)}
        scan, chain = cls(Table(video), edges), Chain(reader, container.format.name)
        for packet in packets(container, streams, scan._end):
            scan._add(reader.name, video.index, packet)
            chain.follow(packet.pos or 0)
        scan.unread = chain.broken_at()
        return scan

    def _end(self, why: str) -> None:
        self.damage = why

    def _add(self, name: str, video: int, packet: Packet[Any]) -> None:
        self.last = max(self.last, packet.pos or 0)
        if packet.stream_index == video:
            check_clear(name, packet)
            self.table.add(packet)
            return
        self.spoilt += packet.is_corrupt
        if packet.stream_index in self.edges:
            self.edges[packet.stream_index].add(packet)
        else:
            self.events[packet.stream_index] = self.events.get(packet.stream_index, 0) + 1
