"""Whether a chunk of a source's packets would decode to the same pictures as the source: found out by trying."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fallow.media.containers import fits_nut, has_home, nut_wrapping
from fallow.media.decode import decode
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.write_packets import Wrapper

_PACKETS = 12
_SIZE = 64  # pixels a side: enough to tell pictures apart, and rows of bytes without gaps


def needs_decoding(reader: RangedReader, stream: VideoStream) -> bool:
    """Whether chunks cannot be made of packets: no container takes them, or decoders lack something there that the
    source's container tells them (a palette, bits per sample, a variant named by the codec's tag)."""
    if has_home(stream):
        return False
    return not fits_nut(stream) or not _same_pictures(reader)


def _same_pictures(reader: RangedReader) -> bool:
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        wrapper = Wrapper(stream, nut_wrapping(stream))
        lead = round(10 / (stream.time_base or Fraction(1, 90000)))
        wanted: list[bytes] = []
        try:
            for row, packet in enumerate(islice(packets(container, [stream]), _PACKETS)):
                wrapper.add(bytes(packet), lead + row, lead + row, 1, packet.is_keyframe)
                wanted += map(_thumbnail, decode(stream, packet))
            data = wrapper.close()
        except av.error.FFmpegError:
            return False  # the muxer has noticed by itself
        wanted += map(_thumbnail, decode(stream, None))
    return wanted == _thumbnails(data)


def _thumbnails(data: bytes) -> list[bytes]:
    shipped = RangedReader(lambda start, length: data[start : start + length], len(data), "The trial chunk")
    with open_input(shipped, "nut") as container:
        stream = best_video(container, shipped.name)
        found = [frame for packet in container.demux(stream) if packet.size for frame in decode(stream, packet)]
        return [_thumbnail(frame) for frame in [*found, *decode(stream, None)]]


def _thumbnail(frame: VideoFrame) -> bytes:
    return bytes(frame.reformat(width=_SIZE, height=_SIZE, format="rgb24").planes[0])
