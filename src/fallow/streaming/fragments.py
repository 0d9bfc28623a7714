"""Fragmented MP4 as CMAF wants it: the header of one track, and segments of its samples. Pure bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_KEY, _OTHER = 0x02000000, 0x01010000  # depends on nothing; depends on others and is no place to begin
_DURATION, _SIZE, _FLAGS, _OFFSET = 0x100, 0x200, 0x400, 0x800  # what a run tells of each sample


@dataclass(frozen=True)
class Sample:
    """One coded frame, or packet of sound."""

    data: bytes
    duration: int  # until the next one is decoded, in ticks
    offset: int = 0  # from when it is decoded until it is shown
    key: bool = True


@dataclass(frozen=True)
class Header:
    """What the header of a track says."""

    handler: str  # vide, soun or text
    entry: bytes  # the sample entry: the codec and its parameter sets
    timescale: int  # ticks a second
    language: str = ""
    shown_from: int = 0  # ticks of the media's line at which the presentation begins
    width: int = 0  # as shown, in square pixels
    height: int = 0


def header(track: Header) -> bytes:
    """An initialization segment."""
    brands = b"iso6" + bytes(4) + b"iso6cmfcdash"
    media = _MEDIA[track.handler]
    moved = _edit(track.shown_from) if track.shown_from else b""
    shown = struct.pack(">2I", track.width << 16, track.height << 16)
    volume = struct.pack(">8x2h2H", 0, 0, 0x100 if track.handler == "soun" else 0, 0) + _MATRIX
    enabled = b"\0\0\0\3" + struct.pack(">5I", 0, 0, 1, 0, 0)
    tables = b"".join(_full(name, bytes(4)) for name in ("stts", "stsc", "stco")) + _full("stsz", bytes(8))
    described = _full("stsd", struct.pack(">I", 1) + track.entry)
    data = _full("dref", struct.pack(">I", 1) + box("url ", b"\0\0\0\1"))
    information = box("minf", media + box("dinf", data) + box("stbl", described + tables))
    clock = struct.pack(">4I", 0, 0, track.timescale, 0)
    handled = _full("hdlr", struct.pack(">I4s12x", 0, track.handler.encode()) + b"\0")
    mdia = box("mdia", _full("mdhd", clock + _language(track.language) + bytes(2)) + handled + information)
    trak = box("trak", box("tkhd", enabled + volume + shown) + moved + mdia)
    rates = struct.pack(">IH10x", 0x10000, 0x100) + _MATRIX + bytes(24)
    movie = _full("mvhd", struct.pack(">4I", 0, 0, track.timescale, 0) + rates + struct.pack(">I", 2))
    extends = box("mvex", _full("trex", struct.pack(">5I", 1, 1, 0, 0, 0)))
    return box("ftyp", brands) + box("moov", movie + trak + extends)


@dataclass(frozen=True)
class Segment:
    """A media segment, and how much of it shows its first sample."""

    data: bytes
    first: int  # bytes from its start to the end of the first sample


def segment(number: int, decoded: int, samples: Sequence[Sample]) -> Segment:
    """A media segment whose first sample is decoded at a tick of the media's line; numbers count from 0."""
    kind = box("styp", b"msdh" + bytes(4) + b"msdhcmfs")
    size = len(_fragment(number, decoded, samples, 0))
    head = kind + _fragment(number, decoded, samples, size + 8)
    payload = b"".join(sample.data for sample in samples)
    data = head + struct.pack(">I4s", len(payload) + 8, b"mdat") + payload
    return Segment(data, len(head) + 8 + len(samples[0].data))


def _fragment(number: int, decoded: int, samples: Sequence[Sample], offset: int) -> bytes:
    """The box before the samples, which begin `offset` bytes after its start."""
    default = box("tfhd", struct.pack(">2I", 0x020000, 1))  # places are counted from this box on
    begin = box("tfdt", struct.pack(">IQ", 1 << 24, decoded))
    shown = any(sample.offset for sample in samples)
    flags = 1 << 24 | _DURATION | _SIZE | _FLAGS | (_OFFSET if shown else 0) | 1
    rows = b"".join(_row(sample, shown=shown) for sample in samples)
    run = box("trun", struct.pack(">2Ii", flags, len(samples), offset) + rows)
    order = _full("mfhd", struct.pack(">I", number + 1))
    return box("moof", order + box("traf", default + begin + run))


def _row(sample: Sample, *, shown: bool) -> bytes:
    row = struct.pack(">3I", sample.duration, len(sample.data), _KEY if sample.key else _OTHER)
    return row + struct.pack(">i", sample.offset) if shown else row


def _edit(begin: int) -> bytes:
    """Everything from that tick of the media on is shown, from the start."""
    return box("edts", box("elst", struct.pack(">2IQqI", 1 << 24, 1, 0, begin, 0x10000)))


def _language(code: str) -> bytes:
    """Three letters of ISO 639-2 in 15 bits."""
    letters = code if len(code) == 3 and code.isascii() and code.islower() else "und"
    packed = 0
    for letter in letters:
        packed = packed << 5 | ord(letter) - 0x60
    return struct.pack(">H", packed)


def children(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The boxes in a stretch of bytes, as names and payloads."""
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield name.decode("latin1"), data[place + 8 : place + size]
        place += size


def box(name: str, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload) + 8, name.encode()) + payload


def _full(name: str, payload: bytes) -> bytes:
    """A box with version 0 and no flags."""
    return box(name, bytes(4) + payload)


_MEDIA = {
    "vide": box("vmhd", b"\0\0\0\1" + bytes(8)),
    "soun": _full("smhd", bytes(4)),
    "text": _full("nmhd", b""),
}
