"""Writes into a finished file's head what PyAV cannot tell the muxers: display size and frame duration.

H.264 and HEVC carry the shape of a pixel themselves, other codecs do not, and some players believe the container
alone. Without a frame duration, players of Matroska guess a rate from times that are rounded to milliseconds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

_SEGMENT, _SEEKHEAD, _SEEK, _SEEK_POSITION, _VOID, _CRC = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC, 0xEC, 0xBF
_TRACKS, _ENTRY, _VIDEO, _FRAME_DURATION, _CLUSTER = 0x1654AE6B, 0xAE, 0xE0, 0x23E383, 0x1F43B675
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, _RATIO = 0x54B0, 0x54BA, 0x54B2, 3
_PARENTS = {_TRACKS, _ENTRY, _VIDEO, _SEEKHEAD, _SEEK}


@dataclass(frozen=True)
class Shape:
    """A picture's size, the width / height of a pixel, and how long a picture is shown if that is always alike."""

    width: int
    height: int
    aspect: Fraction
    seconds: Fraction | None = None


def finished(head: bytes, container: str, shape: Shape) -> bytes:
    """The head of a file with video of that shape; of the same length."""
    if container == "mp4":
        return _mp4(head, shape)
    return _matroska(head, shape) if container == "matroska" else head


@dataclass(frozen=True)
class _Span:
    """A box or element: its name, and where its payload is."""

    name: int
    start: int
    begin: int
    end: int


def _mp4(head: bytes, shape: Shape) -> bytes:
    """The track header counts in 1/65536 of a square pixel."""
    patched = bytearray(head)
    for track in _boxes(head, _box(head, _Span(0, 0, 0, len(head)), b"moov")):
        if track.name != int.from_bytes(b"trak", "big"):
            continue
        handler = _box(head, _box(head, track, b"mdia"), b"hdlr")
        if head[handler.begin + 8 : handler.begin + 12] == b"vide":
            width = round(shape.width * shape.aspect * 65536)
            end = _box(head, track, b"tkhd").end
            patched[end - 8 : end] = struct.pack(">2I", width, shape.height << 16)
    return bytes(patched)


def _boxes(data: bytes, outer: _Span) -> Iterator[_Span]:
    at = outer.begin
    while at + 8 <= outer.end:
        size, name = struct.unpack_from(">2I", data, at)
        if size < 8:
            return
        yield _Span(name, at, at + 8, at + size)
        at += size


def _box(data: bytes, outer: _Span, name: bytes) -> _Span:
    return next(box for box in _boxes(data, outer) if box.name == int.from_bytes(name, "big"))


def _matroska(head: bytes, shape: Shape) -> bytes:
    """The tracks grow; the void that the muxer leaves before them shrinks by as much."""
    segment = next(e for e in _elements(head, 0, len(head)) if e.name == _SEGMENT)
    top = {e.name: e for e in _elements(head, segment.begin, len(head))}
    tracks, void, seek = top.get(_TRACKS), top.get(_VOID), top.get(_SEEKHEAD)
    if tracks is None or void is None or seek is None or not seek.end == void.start < tracks.start:
        return head
    described = _rebuilt(head, tracks, _describe(shape))
    more = len(described) - (tracks.end - tracks.start)
    moved = range(void.end - segment.begin, tracks.start - segment.begin + 1)
    index = _rebuilt(head, seek, _moving(moved, -more))
    room = tracks.start - void.end + len(described)
    left = tracks.end - room - seek.start - len(index)
    if left < 9:
        return head
    return head[: seek.start] + index + _void(left) + head[void.end : tracks.start] + described + head[tracks.end :]


Edit = Callable[[int, dict[int, bytes]], dict[int, bytes] | None]
"""Given an element's name and its children's payloads by name: those to set (empty: to remove), or None to keep the
element, with all that is in it, as it is."""


def _describe(shape: Shape) -> Edit:
    shown = shape.width * shape.aspect
    whole = shown.denominator == 1
    ratio = Fraction(shown, shape.height)
    size = {
        _DISPLAY_WIDTH: _number(int(shown) if whole else ratio.numerator),
        _DISPLAY_HEIGHT: _number(shape.height if whole else ratio.denominator),
        _DISPLAY_UNIT: b"" if whole else _number(_RATIO),
    }
    duration = {_FRAME_DURATION: _number(round(shape.seconds * 10**9))} if shape.seconds else {}

    def edit(name: int, inside: dict[int, bytes]) -> dict[int, bytes] | None:
        if name == _ENTRY:
            return duration if _VIDEO in inside else None
        return {_VIDEO: size, _TRACKS: {}}.get(name)

    return edit


def _moving(moved: range, by: int) -> Edit:
    """The table of places, after the elements at `moved` places have moved."""

    def edit(name: int, inside: dict[int, bytes]) -> dict[int, bytes] | None:
        place = int.from_bytes(inside.get(_SEEK_POSITION, b""), "big")
        if name == _SEEK and place in moved:
            return {_SEEK_POSITION: (place + by).to_bytes(len(inside[_SEEK_POSITION]), "big")}
        return {} if name == _SEEKHEAD else None

    return edit


def _rebuilt(data: bytes, span: _Span, edit: Edit) -> bytes:
    """An element with its children edited, and its checksum, if it has one, made right again."""
    spans = list(_elements(data, span.begin, span.end)) if span.name in _PARENTS else []
    payloads = {child.name: data[child.begin : child.end] for child in spans}
    change = edit(span.name, payloads)
    if change is None:
        return data[span.start : span.end]
    kept = [child for child in spans if child.name not in change and child.name != _CRC]
    body = b"".join(_rebuilt(data, child, edit) for child in kept)
    body += b"".join(_element(name, payload) for name, payload in change.items() if payload)
    if _CRC in payloads:
        body = _element(_CRC, zlib.crc32(body).to_bytes(4, "little")) + body
    return _element(span.name, body)


def _elements(data: bytes, begin: int, end: int) -> Iterator[_Span]:
    """The elements in a stretch of data: of a whole file, up to the first cluster of frames."""
    at = begin
    while at + 2 <= end:
        length = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + length], "big")
        at, start = at + length, at
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1
        at += length
        yield _Span(name, start, at, min(end, at + size))
        if name == _CLUSTER:
            return
        at += size


def _element(name: int, payload: bytes) -> bytes:
    size = len(payload)
    length = next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    return _number(name) + (size | 1 << 7 * length).to_bytes(length, "big") + payload


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _void(size: int) -> bytes:
    return bytes([_VOID]) + (size - 9 | 1 << 56).to_bytes(8, "big") + bytes(size - 9)
