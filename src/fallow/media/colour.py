"""Colour tags and HDR10 metadata of decoded frames, in the names and notations that encoders take."""

from __future__ import annotations

import struct
from typing import Any

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from fallow.model import Colour

# Codes of ISO/IEC 23091-2 by FFmpeg's names for them.
_RANGES = {1: "tv", 2: "pc"}
_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
_TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
_MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}

_CHROMATICITY, _LUMINANCE = 50000, 10000  # units per 1.0 and per cd/m2


def colour_of(frame: VideoFrame) -> Colour:
    """What a frame says of its colours; the container's word is already merged in by the decoder."""
    return Colour(
        range=_RANGES.get(int(frame.color_range), ""),
        primaries=_PRIMARIES.get(int(frame.color_primaries), ""),
        transfer=_TRANSFERS.get(int(frame.color_trc), ""),
        matrix=_MATRICES.get(int(frame.colorspace), ""),
        mastering=_mastering(side_data(frame, Type.MASTERING_DISPLAY_METADATA)),
        light=_light(side_data(frame, Type.CONTENT_LIGHT_LEVEL)),
    )


def side_data(frame: VideoFrame, kind: Type) -> bytes:
    """What is attached to a frame, as bytes in FFmpeg's layout; b"" when nothing is."""
    try:
        every: Any = frame.side_data  # annotated as a mapping, but iterates over its values
    except ValueError:
        return b""  # PyAV refuses all of it when one piece (Exif) is of a kind that it does not know
    return next((bytes(data) for data in every if data.type is kind), b"")


def _mastering(data: bytes) -> str:
    """AVMasteringDisplayMetadata in x265's notation; "" unless both halves are there."""
    if len(data) < 88:
        return ""
    numbers = struct.unpack("=22i", data[:88])
    has_primaries, has_luminance = numbers[20:22]
    if not (has_primaries and has_luminance):
        return ""
    fractions = [(numbers[i], numbers[i + 1]) for i in range(0, 20, 2)]
    points = [_units(fraction, _CHROMATICITY) for fraction in fractions[:8]]
    low, high = (_units(fraction, _LUMINANCE) for fraction in fractions[8:])
    red, green, blue, white = (f"({points[i]},{points[i + 1]})" for i in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({high},{low})"


def _light(data: bytes) -> str:
    if len(data) < 8:
        return ""
    most, average = struct.unpack("=2I", data[:8])
    return f"{most},{average}" if most or average else ""


def _units(fraction: tuple[int, int], per_one: int) -> int:
    numerator, denominator = fraction
    return round(numerator * per_one / denominator) if denominator else 0
