"""What only decoding tells: the first frames of a source, and which of its first pictures never come out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fallow.errors import BadInput
from fallow.media.colour import colour_of
from fallow.media.decode import decode
from fallow.media.frames import SAFE, SHOWN
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.safekeys import packet_test
from fallow.model import Colour

_ENOUGH = 12  # frames that tell whether a video is interlaced, and whether each packet gives one
_MOST_PACKETS = 2000  # without any frame: this is no video
_FIELDS = 0.6  # frames per packet, and below: the packets hold single fields
_MOST_SIDE, _MOST_AREA = 16384, 8192 * 8192  # pixels


@dataclass(frozen=True)
class Opening:
    """The first frames."""

    width: int
    height: int
    pixel_format: str
    bit_depth: int
    sample_aspect: Fraction
    rotation: int  # degrees clockwise that upright display needs
    interlaced: bool
    colour: Colour
    first: int | None  # the time of the first frame that came out
    fields: bool  # each frame takes two packets


def decode_opening(reader: RangedReader) -> Opening:
    """Decode until the first entry point and its leading pictures have come out. Raises BadInput."""
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        frames: list[VideoFrame] = []
        entry, fed = _feed(reader.name, container, stream, frames)
        if not frames:
            raise BadInput(
                f"{reader.name}: none of its {stream.codec_context.name} frames can be decoded; it may be damaged "
                "or protected. Try to play it, and upload a copy that plays."
            )
        return _facts(reader.name, stream, frames, sum(_after(f.pts, entry) for f in frames) / max(fed, 1))


def check_clear(name: str, packet: Packet[Any]) -> None:
    """Raises BadInput for a packet that is encrypted."""
    if packet.has_sidedata("encryption_info"):
        raise BadInput(f"{name} is encrypted (DRM): only its owner can decrypt it. Upload an unprotected copy.")


def _feed(
    name: str, container: InputContainer, stream: VideoStream, frames: list[VideoFrame]
) -> tuple[int | None, int]:
    """Decode packet by packet into `frames`; the time of the first entry point, and how many frames the packets
    from there on should show."""
    context = stream.codec_context
    _check_size(name, context.width, context.height)
    test = packet_test(context.codec.canonical_name, bytes(context.extradata or b""))
    entry: int | None = None
    fed = 0
    for number, packet in enumerate(packets(container, [stream])):
        check_clear(name, packet)
        flags = test(packet)
        if entry is None and flags & SAFE:
            entry = packet.pts
        fed += bool(flags & SHOWN) and not packet.is_discard and _after(packet.pts, entry)
        frames += decode(stream, packet)
        passed = entry is not None and any(_after(frame.pts, entry) for frame in frames)
        if number > _MOST_PACKETS or (passed and len(frames) >= _ENOUGH):
            break
    frames += decode(stream, None)
    return entry, fed


def _after(pts: int | None, entry: int | None) -> bool:
    return pts is not None and entry is not None and pts >= entry


def _check_size(name: str, width: int, height: int) -> None:
    """Raises BadInput for pictures that no decoder should be asked to make room for."""
    if max(width, height) > _MOST_SIDE or width * height > _MOST_AREA:
        raise BadInput(
            f"{name}: its pictures are {width}x{height} pixels; at most {_MOST_SIDE} a side and 67 megapixels in "
            "all can be encoded. Scale it down first."
        )


def _facts(name: str, stream: VideoStream, frames: list[VideoFrame], yielded: float) -> Opening:
    first = frames[0]
    _check_size(name, first.width, first.height)
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    return Opening(
        width=first.width,
        height=first.height,
        pixel_format=first.format.name,
        bit_depth=max(8, *(component.bits for component in first.format.components)),
        sample_aspect=aspect if aspect > 0 else Fraction(1),
        rotation=-90 * round(first.rotation / 90) % 360,
        interlaced=any(frame.interlaced_frame for frame in frames),
        colour=colour_of(first),
        first=min((frame.pts for frame in frames if frame.pts is not None), default=None),
        fields=0 < yielded < _FIELDS,
    )
