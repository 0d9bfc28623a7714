"""Decode a source's video where its packets alone do not tell enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input


def decode(stream: VideoStream, packet: Packet[Any] | None) -> list[VideoFrame]:
    """The frames that come out for one more packet; None asks for those still inside."""
    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        return []  # a broken packet: FFmpeg goes on with the next one, too


def decode_audio(stream: AudioStream, packet: Packet[Any] | None) -> list[AudioFrame]:
    """The same for sound."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:
        return []


def numbered_frames(reader: RangedReader) -> Iterator[tuple[int, VideoFrame]]:
    """Every frame in display order, with the row of the packet that it came from.

    Its `dts` is the row of the packet with which it came out, None for those at the end.
    """
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        for row, packet in enumerate(packets(container, [stream])):
            packet.pts = packet.dts = row  # the decoder hands it on to the frame
            yield from ((frame.pts or 0, frame) for frame in decode(stream, packet))
        yield from ((frame.pts or 0, frame) for frame in decode(stream, None))
