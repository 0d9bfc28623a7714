"""CODECS, computed from what decoders are given: parameter sets, sequence headers, the configuration of sound."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import av

from ladders.tracks import Track

_RBSP = re.compile(rb"\x00\x00\x03")


def codecs(track: Track) -> str:
    """As RFC 6381 and its registrants write it."""
    first = track.head + (track.segments[0].piece.content if track.segments else b"")
    with av.open(io.BytesIO(first)) as opened:
        stream = getattr(opened.streams, track.kind)[0]
        name, extra = stream.codec_context.codec.canonical_name, bytes(stream.codec_context.extradata or b"")
        depth = stream.format.components[0].bits if track.kind == "video" else 0
        packet = next(p for p in opened.demux(stream) if p.size)
        content = bytes(packet)
    make = {"h264": _avc, "hevc": _hevc, "av1": _av1, "vp9": _vp9, "aac": _aac}.get(name)
    return make(first, extra or content, depth) if make else {"opus": "Opus", "flac": "fLaC"}.get(name, name)


def parameter_sets(track: Track) -> list[set[bytes]]:
    """What each segment gives a decoder, in its initialisation and among its pictures."""
    return [set(_sets(track.head + segment.piece.content)) for segment in track.segments]


def _sets(content: bytes) -> Iterator[bytes]:
    with av.open(io.BytesIO(content)) as opened:
        stream = opened.streams.video[0]
        family = stream.codec_context.codec.canonical_name
        if family not in ("h264", "hevc"):
            return
        extra = bytes(stream.codec_context.extradata or b"")
        yield from (unit for unit in _units(extra, family) if _is_set(unit, family))
        boxed = extra[:1] == b"\x01"
        for packet in opened.demux(stream):
            units = _sized(bytes(packet), 4) if boxed else _coded(bytes(packet))
            yield from (unit for unit in units if _is_set(unit, family))


def _is_set(unit: bytes, family: str) -> bool:
    return unit[0] & 31 in (7, 8) if family == "h264" else unit[0] >> 1 & 63 in (32, 33, 34)


def _avc(first: bytes, extra: bytes, depth: int) -> str:
    sequence = next(unit for unit in _units(extra, "h264") if unit[0] & 31 == 7)
    # The sets in the pictures themselves, where they are called avc3.
    name = "avc3" if b"avc3" in first else "avc1"
    return f"{name}.{sequence[1]:02x}{sequence[2]:02x}{sequence[3]:02x}"


def _hevc(first: bytes, extra: bytes, depth: int) -> str:
    sequence = next(unit for unit in _units(extra, "hevc") if unit[0] >> 1 & 63 == 33)
    rest = _RBSP.sub(b"\x00\x00", sequence[2:])[1:]
    space, tier, profile = rest[0] >> 6, rest[0] >> 5 & 1, rest[0] & 31
    flags = int(f"{int.from_bytes(rest[1:5], 'big'):032b}"[::-1], 2)
    limits = rest[5:11].rstrip(b"\x00")
    level = rest[11]
    name = "hev1" if b"hev1" in first else "hvc1"
    parts = [f"{name}.{['', 'A', 'B', 'C'][space]}{profile}", f"{flags:x}", f"{'LH'[tier]}{level}"]
    return ".".join([*parts, *(f"{byte:x}" for byte in limits)])


def _av1(first: bytes, extra: bytes, depth: int) -> str:
    header = _sequence_header(extra[4:] if extra[:1] == b"\x81" else extra)
    bits = f"{int.from_bytes(header, 'big'):0{len(header) * 8}b}"
    profile, reduced = int(bits[:3], 2), bits[4] == "1"
    assert reduced or bits[5] == "0"  # no timing in it
    level = int(bits[5:10], 2) if reduced else int(bits[24:29], 2)
    tier = "H" if not reduced and level > 7 and bits[29] == "1" else "M"
    return f"av01.{profile}.{level:02d}{tier}.{depth:02d}"


def _sequence_header(units: bytes) -> bytes:
    while units:
        kind, extended = units[0] >> 3 & 15, units[0] >> 2 & 1
        size, at, shift = 0, 1 + extended, 0
        while True:
            size |= (units[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if not units[at - 1] & 128:
                break
        if kind == 1:
            return units[at : at + size]
        units = units[at + size :]
    raise AssertionError("there is no sequence header")


def _vp9(first: bytes, extra: bytes, depth: int) -> str:
    """Its level is not in the stream: the box has it."""
    at = first.index(b"vpcC") + 8
    profile, level, packed = first[at : at + 3]
    assert packed >> 4 == depth
    return f"vp09.{profile:02d}.{level:02d}.{depth:02d}"


def _aac(first: bytes, extra: bytes, depth: int) -> str:
    # An ADTS header has the same two bits less one, a configuration five bits.
    if extra[:1] == b"\xff":
        return f"mp4a.40.{(extra[2] >> 6) + 1}"
    return f"mp4a.40.{extra[0] >> 3}" if extra else "mp4a.40.2"


def _units(data: bytes, family: str) -> Iterator[bytes]:
    """Network abstraction layer units of an avcC or hvcC box, or between start codes."""
    if data[:1] != b"\x01":
        yield from _coded(data)
    elif family == "h264":
        yield from _avcc(data)
    else:
        yield from _hvcc(data)


def _coded(data: bytes) -> Iterator[bytes]:
    yield from (unit.rstrip(b"\x00") for unit in re.split(rb"\x00\x00\x01", data)[1:] if unit)


def _sized(data: bytes, width: int) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + width], "big")
        yield data[at + width : at + width + size]
        at += width + size


def _avcc(data: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (31, 255):
        count, at = data[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def _hvcc(data: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(data[22]):
        count, at = int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            yield data[at + 2 : at + 2 + size]
            at += 2 + size
