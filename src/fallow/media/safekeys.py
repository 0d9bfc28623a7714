"""Which packets decoding may begin at, and which show a frame, from the first bytes of their payload.

A container's key frame flag is not enough: H.264 with intra refresh, AV1 forward key frames and VP8 alternate
reference frames all carry flags that do not mean what a cut needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from av.packet import Packet

from fallow.media.frames import SAFE, SHOWN

PacketTest: TypeAlias = "Callable[[Packet[Any]], int]"
"""The flags of a packet: SAFE, SHOWN, both or none."""

# H.264 NAL unit types.
_SLICE, _IDR, _SEI = 1, 5, 6
_RECOVERY_POINT = 6  # SEI payload type
# HEVC NAL unit types.
_RASL = (8, 9)
_BLA = (16, 17, 18)
_IRAP = range(16, 24)
_END_OF_SEQUENCE = 36
_VCL = range(32)
_PICTURE, _B = b"\0\0\1\0", 3  # MPEG-1's and MPEG-2's picture start code, and picture_coding_type
_VOP = b"\0\0\1\xb6"  # MPEG-4's picture start code
# AV1 OBU types.
_FRAME_HEADER, _FRAME = 3, 6


def packet_test(codec: str, extradata: bytes) -> PacketTest:
    """The test for the packets of one stream."""
    if codec == "h264":
        return _h264(length_size(codec, extradata))
    if codec == "hevc":
        return _Hevc(length_size(codec, extradata))
    return {"mpeg4": _mpeg4, "av1": _av1, "vp8": _vp8, "vp9": _vp9}.get(codec, _flagged)


def _flagged(packet: Packet[Any]) -> int:
    return SHOWN | SAFE if packet.is_keyframe else SHOWN


def length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each NAL unit; 0 for start codes, and for codecs without such units."""
    offset = {"h264": 4, "hevc": 21}.get(codec)
    if offset and extradata[:1] == b"\1" and len(extradata) > offset:
        return (extradata[offset] & 3) + 1
    return 0


def _nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a packet, each cut to the bytes that the tests look at."""
    if length_size:
        place = 0
        while place + length_size < len(data):
            size = int.from_bytes(data[place : place + length_size], "big")
            place += length_size
            yield data[place : place + min(size, 256)]
            place += size
        return
    place = data.find(b"\0\0\1")
    while place >= 0:
        yield data[place + 3 : place + 259]
        place = data.find(b"\0\0\1", place + 3)


def _h264(length_size: int) -> PacketTest:
    def test(packet: Packet[Any]) -> int:
        return SHOWN | SAFE if packet.is_keyframe and _h264_entry(bytes(packet), length_size) else SHOWN

    return test


def _h264_entry(data: bytes, length_size: int) -> bool:
    """An IDR picture, or a recovery point from which everything is exact at once (recovery_frame_cnt 0)."""
    frames = 0
    for unit in _nal_units(data, length_size):
        kind = unit[0] & 31 if unit else 0
        if kind == _IDR:
            return True
        if kind == _SEI:
            frames = max(frames, _recovery_frames(unit[1:].replace(b"\0\0\3", b"\0\0")))
        if kind == _SLICE:
            break
    return frames == 0


def _recovery_frames(sei: bytes) -> int:
    """The recovery_frame_cnt of a recovery point message, 0 when there is none."""
    place = 0
    while place + 2 <= len(sei):
        kind, place = _sei_number(sei, place)
        size, place = _sei_number(sei, place)
        if kind == _RECOVERY_POINT:
            return _exp_golomb(sei[place : place + 8])
        place += size
    return 0


def _sei_number(sei: bytes, place: int) -> tuple[int, int]:
    value = 0
    while place < len(sei) and sei[place] == 255:
        value += 255
        place += 1
    return (value + sei[place], place + 1) if place < len(sei) else (value, place)


def _exp_golomb(data: bytes) -> int:
    bits = int.from_bytes(data.ljust(8, b"\0"), "big")
    zeros = 64 - bits.bit_length()
    return ((bits >> max(0, 63 - 2 * zeros)) & ((1 << (zeros + 1)) - 1)) - 1


class _Hevc:
    """IRAP pictures are entries. The skipped leading pictures (RASL) of a broken link are never displayed."""

    def __init__(self, length_size: int) -> None:
        self._length_size = length_size
        self._skipping = False
        self._sequence_ended = False

    def __call__(self, packet: Packet[Any]) -> int:
        kinds = [(unit[0] >> 1) & 63 for unit in _nal_units(bytes(packet), self._length_size) if unit]
        picture = next((kind for kind in kinds if kind in _VCL), -1)
        if picture in _IRAP:
            self._skipping = picture in _BLA or self._sequence_ended
            self._sequence_ended = False
        self._sequence_ended |= _END_OF_SEQUENCE in kinds
        if picture in _RASL and self._skipping:
            return 0
        return SHOWN | SAFE if picture in _IRAP else SHOWN


def is_b_picture(packet: Packet[Any]) -> bool:
    """Of MPEG-1 and MPEG-2: whether it is shown before the pictures that it refers to are all shown."""
    data = bytes(packet)
    place = data.find(_PICTURE)
    return 0 <= place < len(data) - 5 and data[place + 5] >> 3 & 7 == _B


def _mpeg4(packet: Packet[Any]) -> int:
    """An intra-coded VOP. Where packed B-frames were unpacked, flags may stand at the wrong picture."""
    data = bytes(packet) if packet.is_keyframe else b""
    place = data.find(_VOP)
    return SHOWN | SAFE if 0 <= place < len(data) - 4 and not data[place + 4] >> 6 else SHOWN


def _av1(packet: Packet[Any]) -> int:
    """A key frame that is shown by its own header: a forward key frame's references come from before it."""
    if not packet.is_keyframe:
        return SHOWN
    for kind, payload in _obus(bytes(packet)):
        if kind in (_FRAME_HEADER, _FRAME):
            show_existing, frame_type, shown = payload >> 7, (payload >> 5) & 3, (payload >> 4) & 1
            return SHOWN | SAFE if not show_existing and frame_type == 0 and shown else SHOWN
    return SHOWN


def _obus(data: bytes) -> Iterator[tuple[int, int]]:
    """The type and the first payload byte of each OBU."""
    place = 0
    while place < len(data):
        header = data[place]
        place += 2 if header & 4 else 1
        size, shift = len(data) - place, 0
        if header & 2:
            size = 0
            while place < len(data):
                byte = data[place]
                size |= (byte & 127) << shift
                place, shift = place + 1, shift + 7
                if byte < 128:
                    break
        if size and place < len(data):
            yield (header >> 3) & 15, data[place]
        place += size


def _vp8(packet: Packet[Any]) -> int:
    """An alternate reference frame is a packet of its own that shows nothing."""
    return _flagged(packet) if bytes(packet)[0] >> 4 & 1 else 0


def _vp9(packet: Packet[Any]) -> int:
    """A superframe always shows one of its frames; a frame on its own may be a hidden reference."""
    data = bytes(packet)
    if data[-1] & 0xE0 == 0xC0:
        return _flagged(packet)
    profile = (data[0] >> 4 & 1) << 1 | (data[0] >> 5 & 1)
    flags = data[0] << 8 | (data[1] if len(data) > 1 else 0)
    shift = 11 - (profile == 3)  # profile 3 has a reserved bit more
    show_existing, shown = flags >> shift & 1, flags >> (shift - 2) & 1
    return _flagged(packet) if show_existing or shown else 0
