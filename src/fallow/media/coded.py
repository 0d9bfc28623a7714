"""What a packager takes of parts: facts of their streams, and their packets in decode order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fallow.errors import BrokenPart
from fallow.media.inspect import Headers, only_stream, reading, rising
from fallow.media.part_frames import frames, places
from fallow.media.result_layout import TrackPart, VideoPart
from fallow.media.sample_entries import sound_entry, video_entry
from fallow.model import Colour
from fallow.recipe import LEAD


@dataclass(frozen=True)
class VideoFacts:
    """What the first part of a stream says of all of it."""

    codec: str
    depth: int  # how many packets a frame may be reordered by
    headers: str  # the digest of the parameter sets, the same in every part
    width: int
    height: int
    aspect: Fraction  # of a pixel
    entry: bytes  # the sample entry of an MP4


@dataclass(frozen=True)
class SoundFacts:
    """What is the same in a whole track of sound."""

    codec: str
    channels: int
    sample_rate: int
    entry: bytes


@dataclass(frozen=True)
class CodedFrame:
    """One frame, in decode order, and its place in display order."""

    packet: Any  # as the part has it
    place: int
    key: bool


@dataclass(frozen=True)
class CodedSound:
    """One packet of sound: from when and for how long it plays, in samples of the result's time."""

    packet: Any
    begin: int
    length: int


@dataclass(frozen=True)
class TextEvent:
    """What is shown of a subtitle track for a while, in seconds of the result."""

    begin: Fraction
    end: Fraction
    text: bytes  # SubRip


@contextmanager
def template(part: VideoPart | TrackPart) -> Iterator[Any]:
    """The part's stream, as a muxer's template."""
    with reading(part.open(), part.container) as opened:
        yield only_stream(opened, "video", "audio", "subtitle")


def video_facts(part: VideoPart, rate: Fraction, colour: Colour) -> VideoFacts:
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "video")
        context = stream.codec_context
        first = next(rising(opened.demux(stream)), None)
        if first is None:
            raise BrokenPart("The part holds no frames.")
        return VideoFacts(
            codec=context.codec.canonical_name,
            depth=context.reorder_depth,
            headers=Headers(stream).digest(),
            width=context.width,
            height=context.height,
            aspect=stream.sample_aspect_ratio or Fraction(1),
            entry=video_entry(stream, first, rate, colour),
        )


def coded_frames(
    part: VideoPart, times: Sequence[int], time_base: Fraction, depth: int, headers: str
) -> tuple[Sequence[int], Iterator[CodedFrame]]:
    """The places of a part's frames in display order, and the frames in decode order; checked while they pass."""
    there = places(part, times, time_base)
    coded = frames(part, there, depth, headers)
    return there, (CodedFrame(packet, place, bool(packet.is_keyframe)) for packet, place in coded)


def sound_facts(part: TrackPart) -> SoundFacts | None:
    """None of a track without a single packet."""
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "audio")
        first = next(rising(opened.demux(stream)), None)
        if first is None:
            return None
        context = stream.codec_context
        entry = sound_entry(stream, first)
        return SoundFacts(context.codec.canonical_name, context.channels, context.sample_rate, entry)


def coded_sound(part: TrackPart, rate: int) -> Iterator[CodedSound]:
    """A track's packets; raises BrokenPart when there are not as many as were delivered."""
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "audio")
        ticks = Fraction(stream.time_base) * rate
        count = 0
        for packet in rising(opened.demux(stream)):
            count += 1
            begin = round(packet.pts * ticks - LEAD * rate)
            yield CodedSound(packet, begin, round((packet.duration or 0) * ticks))
    _all_there(part, count)


def text_events(part: TrackPart) -> Iterator[TextEvent]:
    """What a subtitle track shows, in order."""
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "subtitle")
        base, count = Fraction(stream.time_base), 0
        for packet in rising(opened.demux(stream)):
            count += 1
            begin = packet.pts * base - LEAD
            yield TextEvent(begin, begin + (packet.duration or 0) * base, bytes(packet))
    _all_there(part, count)


def _all_there(part: TrackPart, count: int) -> None:
    if count != part.packets:
        raise BrokenPart(f"The track holds {count} packets instead of {part.packets}.")


# Access unit delimiters and parameter sets, which an MP4 has in its header, by codec: NAL unit types.
_REPEATED = {"h264": frozenset({7, 8, 9}), "hevc": frozenset({32, 33, 34, 35})}


def plain(codec: str) -> Callable[[Any], bytes]:
    """What makes the bytes of an MP4's sample of a part's packet."""
    repeated = _REPEATED.get(codec)
    if repeated is None:
        return bytes
    shift, mask = (1, 63) if codec == "hevc" else (0, 31)

    def convert(packet: Any) -> bytes:
        units = (unit for unit in _units(bytes(packet)) if unit[0] >> shift & mask not in repeated)
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)

    return convert


def _units(data: bytes) -> Iterator[bytes]:
    """The NAL units between the start codes of a packet."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        begin, at = at + 3, data.find(b"\0\0\1", at + 3)
        # A zero before the next start code belongs to it, and zeros may pad; a unit ends in none.
        unit = data[begin : at if at >= 0 else len(data)].rstrip(b"\0")
        if unit:
            yield unit
