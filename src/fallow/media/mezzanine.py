"""Chunks of decoded frames, losslessly compressed: for video whose packets cannot be cut or carried."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from av.codec import Codec
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fallow.errors import BadInput
from fallow.media.containers import open_output
from fallow.media.decode import numbered_frames
from fallow.media.frames import FrameIndex
from fallow.media.reader import RangedReader
from fallow.media.write_packets import Memory

# Formats that FFV1 lacks, by one that holds the same values.
_WIDER = {
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgb0": "bgr0",
    "0rgb": "bgr0",
    "0bgr": "bgr0",
    "pal8": "bgra",
    "rgba": "bgra",
    "argb": "bgra",
    "abgr": "bgra",
    "rgb555le": "gbrp",
    "rgb565le": "gbrp",
    "monow": "gray",
    "monob": "gray",
    "gray8": "gray",
    "nv12": "yuv420p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj444p": "yuv444p",
    "gbrp": "bgr0",
}


def decoded_chunks(reader: RangedReader, index: FrameIndex, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The object of each span [first, end) of display frames; spans rise and may overlap."""
    held: deque[tuple[int, VideoFrame]] = deque()
    frames = enumerate(frame for _, frame in numbered_frames(reader))
    for first, end in spans:
        while held and held[0][0] < first:
            held.popleft()
        while not held or held[-1][0] < end - 1:
            row = next(frames, None)
            if row is None:
                raise BadInput(f"{reader.name} gave fewer frames than before: it changed, or cannot be read.")
            if row[0] >= first:
                held.append(row)
        yield _encoded(index, [row for row in held if first <= row[0] < end])


def _encoded(index: FrameIndex, frames: Sequence[tuple[int, VideoFrame]]) -> bytes:
    sink = Memory()
    with open_output(sink, "nut", {}) as output:
        stream = output.add_stream("ffv1", time_base=index.time_base, options={"slices": "4", "slicecrc": "1"})
        first = frames[0][1]
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, _pixel_format(first)
        for number, frame in frames:
            output.mux(_encode(stream, frame, index.chunk_ticks(index.pts[number])))
        output.mux(stream.encode(None))
    return sink.take()


def _encode(stream: VideoStream, frame: VideoFrame, pts: int) -> list[Packet[Any]]:
    plain = frame.reformat(width=stream.width, height=stream.height, format=stream.pix_fmt)
    plain.pts, plain.time_base = pts, stream.codec_context.time_base
    return list(stream.encode(plain))


def _pixel_format(frame: VideoFrame) -> str:
    name = frame.format.name
    known = {form.name for form in Codec("ffv1", "w").video_formats or ()}
    while name not in known and name in _WIDER:
        name = _WIDER[name]
    if name not in known:
        raise BadInput(f"Its pixel format {frame.format.name} cannot be stored without loss; convert it first.")
    return name
