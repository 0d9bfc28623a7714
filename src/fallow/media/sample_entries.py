"""A stream's sample entry, as an MP4 has it: the codec and its parameter sets, in the words of FFmpeg's muxer."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av

from fallow.media.streams import add_track, add_video
from fallow.model import Colour

_OPTIONS = {"movflags": "frag_custom+delay_moov+default_base_moof", "strict": "experimental"}
_PATH = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def video_entry(template: Any, packet: Any, rate: Fraction, colour: Colour) -> bytes:
    """The entry of a video stream with that first packet."""
    file = io.BytesIO()
    output = av.open(file, "w", format="mp4", options=_OPTIONS)
    stream = add_video(output, template, template.time_base, colour)
    stream.codec_context.framerate = rate  # VP9's level is told by it
    return _written(output, stream, packet, file)


def sound_entry(template: Any, packet: Any) -> bytes:
    """The entry of an audio stream with that first packet."""
    file = io.BytesIO()
    output = av.open(file, "w", format="mp4", options=_OPTIONS)
    return _written(output, add_track(output, template), packet, file)


def _written(output: Any, stream: Any, packet: Any, file: io.BytesIO) -> bytes:
    # Some entries are made of what the first packet says (AC-3's).
    first = av.Packet(bytes(packet))
    first.stream, first.time_base = stream, packet.time_base
    first.pts = first.dts = 0
    first.duration = max(packet.duration or 0, 1)
    first.is_keyframe = True
    output.mux_one(first)
    output.close()
    described = file.getvalue()
    for name in _PATH:
        described = _payload(described, name)
    return described[8:]  # after version, flags and count


def _payload(data: bytes, name: bytes) -> bytes:
    place = 0
    while place + 8 <= len(data):
        size = struct.unpack_from(">I", data, place)[0]
        if data[place + 4 : place + 8] == name:
            return data[place + 8 : place + size]
        place += max(size, 8)
    raise ValueError(f"An MP4's header has no {name.decode()} box.")
