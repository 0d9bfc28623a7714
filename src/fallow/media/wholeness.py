"""Whether a packet shows, without being decoded, that bytes of it were lost or never written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from av.packet import Packet

from fallow.media.safekeys import length_size

WholeTest: TypeAlias = "Callable[[Packet[Any]], bool]"

_START_CODE = b"\0\0\0\1"
_UNWRITTEN = bytes(64)  # a coded picture holds no three zeros in a row, but for what pads its end


def whole_test(codec: str, extradata: bytes) -> WholeTest:
    """The test for the packets of one stream."""
    size = length_size(codec, extradata)
    picture = _hevc_picture if codec == "hevc" else _h264_picture

    def test(packet: Packet[Any]) -> bool:
        # Demuxers mark what was lost or spoilt on its way, as far as a container tells.
        return not packet.is_corrupt and (not size or _filled(bytes(packet), size, picture))

    return test


def _h264_picture(head: int) -> bool:
    return 1 <= head & 31 <= 5


def _hevc_picture(head: int) -> bool:
    return head >> 1 & 63 < 32


def _filled(data: bytes, size: int, picture: Callable[[int], bool]) -> bool:
    """Whether a packet is filled by NAL units of the lengths that stand before them, with a picture among them."""
    if data.startswith(_START_CODE):
        return True  # written against the rules, but decoders read it
    place, pictures = 0, 0
    while place + size < len(data):
        length = int.from_bytes(data[place : place + size], "big")
        place += size
        if length and picture(data[place]):
            pictures += 1
            if _UNWRITTEN in data[place : place + length].rstrip(b"\0"):
                return False
        place += length
    return bool(pictures) and place <= len(data) and not any(data[place:])
