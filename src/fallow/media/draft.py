"""What can be told of a source of which only the beginning is there: enough to cut that, or why it must wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from fallow.errors import FallowError
from fallow.media.boxes import begins_as_mp4, boxes
from fallow.media.first_frames import check_clear, decode_opening
from fallow.media.frames import SHOWN, FrameIndex
from fallow.media.packet_table import Table
from fallow.media.packets import best_video, packets
from fallow.media.plan import select
from fallow.media.probe import audio_track, start_of, text_track, video_track
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import audio_streams, text_streams, wanted_streams
from fallow.media.sound import Edges, SampleClock, settles
from fallow.media.try_carrying import needs_decoding
from fallow.model import AudioTrack, Source
from fallow.recipe import LEAD

# Read from the front to the end, with nothing behind that changes what came before.
_FORWARD = ("mpegts", "matroska", "mov")
_UNHEARD = 4  # packets of sound at the end of what is there, the last of which may be cut short
_HELD = 64  # packets at the end of what is there: others that come may be shown before them, or they are cut short


class Unready(FallowError):
    """It is not known yet how the source is to be cut."""


class TooLittle(Unready):
    """More of the source may tell."""


def draft(reader: RangedReader, seconds: float | None = None) -> tuple[Source, FrameIndex]:
    """A source and its index as far as the reader goes, or so many seconds of one that is whole: the frames whose
    number and time stay the same whatever comes, and the sound up to where that is certain. Raises Unready with
    what it waits for, and BadInput."""
    if seconds is None:
        _check_front(reader)
    opening = decode_opening(reader)
    with open_input(reader) as container:
        name = container.format.name
        if not name.startswith(_FORWARD):
            raise Unready(f"the container {name} is read only when it is whole")
        video = best_video(container, reader.name)
        start = start_of(container, video, opening)
        if needs_decoding(reader, video):
            raise Unready("no container carries its pictures as they are")
        table, first_unknown, sound = _read(reader, container, video, start, seconds)
        if table.rows <= max(opening.rows, default=0):
            raise TooLittle("too little of it is there")
        if opening.fields or table.changed or table.interrupted or table.doubtful:
            raise Unready("its packets do not tell by themselves which frame is shown when")
        if table.broken:
            raise Unready("it looks damaged")
        index = _settled(table.index(start, opening.rows), first_unknown)
        if not index.pts:
            raise TooLittle("none of its frames is known yet")
        track, text = video_track(video, index, opening), text_streams(container)
        texts = tuple(text_track(place, stream) for place, stream in text.items())
        return Source(
            name, reader.size, start, index.duration, track, tuple(_heard(container, sound)), texts
        ), index


def _heard(container: InputContainer, sound: dict[int, Edges]) -> Iterator[AudioTrack]:
    for place, stream in audio_streams(container).items():
        edges = sound[stream.index]
        if edges.end is not None:
            until = Fraction(edges.end, edges.clock.rate) - LEAD
            yield audio_track(place, stream, (edges.begin, until), steady=edges.steady and settles(stream))


def _check_front(reader: RangedReader) -> None:
    """Raises Unready for an MP4 whose index has not come."""
    if not begins_as_mp4(reader.at):
        return
    for box in boxes(reader.at, reader.size):
        if box.name == b"moov" and box.end <= reader.size:
            return
        if box.name == b"mdat":
            raise Unready("the MP4's index is at its end")
    raise TooLittle("the MP4's index is not whole yet")


def _read(
    reader: RangedReader, container: InputContainer, video: VideoStream, start: Fraction, seconds: float | None
) -> tuple[Table, int, dict[int, Edges]]:
    """The table of the packets but the last ones, the earliest time at which one of those may be shown, and where
    the sound before the last packets of each stream begins and ends."""
    table = Table(video)
    held: deque[Packet[Any]] = deque()
    streams = wanted_streams(container, video)
    sound = {s.index: Edges(SampleClock.of(s, start)) for s in streams if isinstance(s, AudioStream)}
    unheard: dict[int, deque[Packet[Any]]] = {index: deque() for index in sound}
    for packet in packets(container, streams):
        if packet.stream_index in sound:
            last = unheard[packet.stream_index]
            last.append(packet)
            if len(last) > _UNHEARD:
                sound[packet.stream_index].add(last.popleft())
        if packet.stream_index != video.index:
            continue
        if seconds is not None and float((packet.dts or 0) * packet.time_base - start) > seconds:
            break
        check_clear(reader.name, packet)
        held.append(packet)
        if len(held) > _HELD:
            table.add(held.popleft())
    times = [packet.pts if packet.pts is not None else packet.dts for packet in held]
    if not table.rows or None in times:
        raise TooLittle("too little of it is there")
    return table, min(time for time in times if time is not None), sound


def _settled(index: FrameIndex, before: int) -> FrameIndex:
    """The index without the frames that are shown at that time or later."""
    known = (
        flags if pts < before else flags & ~SHOWN for pts, flags in zip(index.row_pts, index.row_flags, strict=True)
    )
    return replace(index, row_flags=bytes(known))


def agree(early: FrameIndex, final: FrameIndex, first: int, end: int) -> bool:
    """Whether both indexes choose the same packets for the frames [first, end), shown at the same times."""
    if end > min(len(early.pts), len(final.pts)) or early.decoded != final.decoded:
        return False
    clocks = [(index.time_base, index.start_ticks, index.pts[0]) for index in (early, final)]
    times = [(index.pts[first:end], (index.stated_pts or index.pts)[first:end]) for index in (early, final)]
    rows = [select(index, first, end) for index in (early, final)]
    decoded = [[index.row_pts[row] for row in chosen] for index, chosen in zip((early, final), rows, strict=True)]
    return all(one == other for one, other in (clocks, times, rows, decoded))
