"""The packets of a source as probe and split both see them: the same ones in the same order at the same times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from fallow.errors import BadInput
from fallow.media.timeline import Timeline

_RESTARTING = ("mpegts", "mpeg")  # formats whose clock may start anew in the middle


def best_video(container: InputContainer, name: str) -> VideoStream:
    """The video stream that FFmpeg would choose; never a cover picture. Raises BadInput when there is none."""
    best = container.streams.best("video")
    candidates = [best, *container.streams.video]
    for stream in candidates:
        if isinstance(stream, VideoStream) and not Disposition.attached_pic & stream.disposition:
            if stream.codec_context is None:
                raise BadInput(f"{name}: no decoder here knows its video codec; convert it to another one first.")
            return stream
    if container.streams.audio:
        raise BadInput(f"{name} holds sound but no video (a cover picture is none): give Fallow a video.")
    raise BadInput(f"{name} holds no video stream: check that it is the right file.")


def packets(
    container: InputContainer, streams: Sequence[Stream], damaged: Callable[[str], None] = lambda why: None
) -> Iterator[Packet[Any]]:
    """The packets with data of the given streams, in file order, until the end or until the file cannot be read
    further: then `damaged` learns why."""
    for stream in container.streams:
        if stream not in streams:
            stream.discard = av.stream.Discard.all
    timeline = Timeline() if container.format.name in _RESTARTING else None
    unpack = {s.index: BitStreamFilterContext("mpeg4_unpack_bframes", s) for s in streams if _may_be_packed(s)}
    try:
        for packet in _read(container, streams):
            if not packet.size:
                continue
            if timeline is not None:
                timeline.correct(packet)
            if packet.stream_index in unpack:
                yield from _unpacked(packet, unpack[packet.stream_index])
            else:
                yield packet
    except av.error.FFmpegError as error:
        damaged(str(error))


def _read(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    try:
        yield from container.demux(*streams)
    except IndexError:
        # After the last packet PyAV asks every stream for what it still holds, and stumbles over those that only
        # appeared on the way.
        return


def _may_be_packed(stream: Stream) -> bool:
    """AVI has no display times, so some encoders put a B-frame into the packet of the frame that it needs."""
    return stream.type == "video" and stream.codec_context is not None and stream.codec_context.name == "mpeg4"


def _unpacked(packet: Packet[Any], unpack: BitStreamFilterContext) -> Iterator[Packet[Any]]:
    stream, size = packet.stream, packet.size
    for result in unpack.filter(packet):
        result.stream = stream
        result.time_base = stream.time_base
        result.opaque = result.size != size or None  # tells that this stream is packed
        if result.size:
            yield result
