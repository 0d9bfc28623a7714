"""Stream templates for what a part cannot carry: HDR metadata of a container, and timed text of an MP4.

PyAV makes an output stream only from an input stream. MPEG-TS parts carry HDR10 metadata inside the pictures alone,
and SubRip parts are no MP4 text, so here is the smallest MP4 header that describes such a stream.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from fallow.media.reader import RangedReader
from fallow.model import Colour

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_MASTERING = re.compile(r"G\((\d+),(\d+)\)B\((\d+),(\d+)\)R\((\d+),(\d+)\)WP\((\d+),(\d+)\)L\((\d+),(\d+)\)")
_ENTRIES = {"hevc": b"hvc1", "h264": b"avc1", "av1": b"av01", "vp9": b"vp09"}
# Codes of ISO/IEC 23091-2 by FFmpeg's names.
_PRIMARIES = {"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "film": 8, "bt2020": 9}
_PRIMARIES |= {"smpte428": 10, "smpte431": 11, "smpte432": 12, "ebu3213": 22}
_TRANSFERS = {"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "linear": 8, "log": 9}
_TRANSFERS |= {"log100": 9, "log_sqrt": 10, "log316": 10, "iec61966-2-4": 11, "bt1361e": 12, "iec61966-2-1": 13}
_TRANSFERS |= {"bt2020-10": 14, "bt2020-12": 15, "smpte2084": 16, "smpte428": 17, "arib-std-b67": 18}
_MATRICES = {"gbr": 0, "bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "ycgco": 8}
_MATRICES |= {"bt2020nc": 9, "bt2020c": 10, "smpte2085": 11, "ictcp": 14}


@dataclass(frozen=True)
class Picture:
    """What a sample entry says of a video stream."""

    codec: str
    width: int
    height: int
    colour: Colour


def video_header(picture: Picture) -> RangedReader:
    """An MP4 without frames whose video stream carries the picture's colour and HDR10 metadata."""
    colour = picture.colour
    boxes = _colr(colour) + _mdcv(colour.mastering) + _clli(colour.light)
    entry = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">2H", picture.width, picture.height)
    entry += struct.pack(">3IH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    return _movie(b"vide", _box(b"vmhd", bytes(12)), _box(_ENTRIES[picture.codec], entry + boxes))


def text_header() -> RangedReader:
    """An MP4 without samples whose one stream is timed text, white on nothing at the bottom of the picture."""
    # To the letter what FFmpeg writes, whose reader turns every other font or size into markup.
    flags, justification, background = bytes(4), struct.pack(">bb", 1, -1), b"\0\0\0\xff"
    style = bytes(4) + struct.pack(">H2B", 1, 0, 16) + b"\xff\xff\xff\xff"
    fonts = _box(b"ftab", struct.pack(">2H", 1, 1) + bytes([5]) + b"Arial")
    entry = bytes(6) + struct.pack(">H", 1) + flags + justification + background + bytes(8) + style + fonts
    return _movie(b"sbtl", _box(b"nmhd", bytes(4)), _box(b"tx3g", entry))


def _colr(colour: Colour) -> bytes:
    codes = (
        _PRIMARIES.get(colour.primaries, 2),
        _TRANSFERS.get(colour.transfer, 2),
        _MATRICES.get(colour.matrix, 2),
        0x80 if colour.range == "pc" else 0,
    )
    return _box(b"colr", b"nclx" + struct.pack(">3HB", *codes))


def _mdcv(mastering: str) -> bytes:
    found = _MASTERING.fullmatch(mastering)
    if not found:
        return b""
    # Both notations list green, blue, red, white point, then the highest and the lowest luminance.
    values = [int(value) for value in found.groups()]
    return _box(b"mdcv", struct.pack(">8H2I", *values))


def _clli(light: str) -> bytes:
    if not light:
        return b""
    most, average = (int(value) for value in light.split(","))
    return _box(b"clli", struct.pack(">2H", most, average))


def _movie(handler: bytes, media_header: bytes, entry: bytes) -> RangedReader:
    described = _full(b"stsd", struct.pack(">I", 1) + entry)
    empty = b"".join(_full(name, bytes(4)) for name in (b"stts", b"stsc", b"stco")) + _full(b"stsz", bytes(8))
    reference = _full(b"dref", struct.pack(">I", 1) + _box(b"url ", b"\0\0\0\1"))
    information = _box(b"minf", media_header + _box(b"dinf", reference) + _box(b"stbl", described + empty))
    clock = struct.pack(">4I", 0, 0, 1000, 0)
    media = _full(b"mdhd", clock + b"\x55\xc4\0\0") + _full(b"hdlr", bytes(4) + handler + bytes(13)) + information
    track = _full(b"tkhd", struct.pack(">5I", 0, 0, 1, 0, 0) + bytes(16) + _MATRIX + bytes(8))
    rates = struct.pack(">IH", 0x10000, 0x100) + bytes(10)
    movie = _full(b"mvhd", clock + rates + _MATRIX + bytes(24) + struct.pack(">I", 2))
    extends = _box(b"mvex", _full(b"trex", struct.pack(">5I", 1, 1, 0, 0, 0)))
    trak = _box(b"trak", track + _box(b"mdia", media))
    data = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"moov", movie + trak + extends)
    return RangedReader(lambda start, length: data[start : start + length], len(data))


def _box(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload) + 8) + name + payload


def _full(name: bytes, payload: bytes) -> bytes:
    """A box with version 0 and no flags."""
    return _box(name, bytes(4) + payload)
