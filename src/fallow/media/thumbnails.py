"""Small pictures of a part's key frames, side by side in one JPEG."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import av.error
from av.codec.context import CodecContext
from av.video.frame import VideoFrame

from fallow.errors import BrokenPart
from fallow.media.inspect import only_stream, reading, rising
from fallow.media.result_layout import VideoPart

ACROSS = 10  # pictures in a row
_FORMAT = "yuvj420p"
_QUALITY = 5  # of FFmpeg's scale for JPEG, where 2 is the best and 31 the worst


def sheet(part: VideoPart, wanted: Collection[int], size: tuple[int, int]) -> bytes:
    """The frames of those numbers, each the beginning of what can be decoded by itself, as tiles of one picture."""
    tiles = [frame.reformat(*size, format=_FORMAT) for frame in _frames(part, wanted)]
    if len(tiles) != len(wanted):
        raise BrokenPart(f"Of {len(wanted)} key frames of the part {len(tiles)} can be decoded.")
    return _jpeg(_tiled(tiles, size))


def _frames(part: VideoPart, wanted: Collection[int]) -> Iterator[VideoFrame]:
    with reading(part.open(), part.container) as opened:
        stream = only_stream(opened, "video")
        context = stream.codec_context
        context.thread_type = "NONE"
        try:
            # Before a frame that all after it can do without, as many are coded as are shown.
            for number, packet in enumerate(rising(opened.demux(stream))):
                if number in wanted:
                    yield from context.decode(packet)
            yield from context.decode(None)
        except av.error.FFmpegError as error:
            raise BrokenPart(f"A key frame of the part cannot be decoded ({error.strerror}).") from error


def _tiled(tiles: Sequence[VideoFrame], size: tuple[int, int]) -> VideoFrame:
    across = min(ACROSS, len(tiles))
    down = -(-len(tiles) // ACROSS)
    whole = VideoFrame(across * size[0], down * size[1], _FORMAT)
    for number, plane in enumerate(whole.planes):
        half = 1 if number == 0 else 2
        width, height = size[0] // half, size[1] // half
        data = bytearray(b"\0" if number == 0 else b"\x80") * plane.buffer_size
        for place, tile in enumerate(tiles):
            row, column = divmod(place, ACROSS)
            _copy(tile.planes[number], data, plane.line_size, (column * width, row * height), (width, height))
        plane.update(bytes(data))
    return whole


def _copy(tile: Any, data: bytearray, line: int, at: tuple[int, int], size: tuple[int, int]) -> None:
    pixels = bytes(tile)
    for row in range(size[1]):
        begin = (at[1] + row) * line + at[0]
        data[begin : begin + size[0]] = pixels[row * tile.line_size : row * tile.line_size + size[0]]


def _jpeg(picture: VideoFrame) -> bytes:
    context = CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = picture.width, picture.height, _FORMAT
    context.time_base = Fraction(1, 25)
    context.options = {"qmin": str(_QUALITY), "qmax": str(_QUALITY)}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])
