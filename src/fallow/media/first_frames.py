"""What only decoding tells: the first frames of a source, and which of its first pictures never come out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fallow.errors import BadInput
from fallow.media.colour import colour_of, side_data
from fallow.media.decode import decode
from fallow.media.frames import SAFE, SHOWN
from fallow.media.orientation import Turn, turn_of
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.safekeys import packet_test
from fallow.model import Colour

_ENOUGH = 12  # frames that tell whether a video is interlaced, and whether each packet gives one
_MOST_PACKETS = 2000  # without any frame: this is no video
_MOST_BLIND = 300  # with frames, but without an entry point
_FIELDS = 0.6  # frames per packet, and below: the packets hold single fields
_MOST_SIDE, _MOST_AREA = 16384, 8192 * 8192  # pixels
_LEAST_SIDE = 8  # below this x264 makes streams that no decoder takes


@dataclass(frozen=True)
class Opening:
    """The first frames."""

    width: int
    height: int
    pixel_format: str
    bit_depth: int
    sample_aspect: Fraction
    turn: Turn  # what upright display needs
    interlaced: bool
    colour: Colour
    rows: tuple[int, ...]  # the packets whose frames came out
    pts: int | None  # the earliest time among those
    fields: bool  # each frame takes two packets


def decode_opening(reader: RangedReader) -> Opening:
    """Decode until the first entry point and its leading pictures have come out. Raises BadInput."""
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        check_size(reader.name, stream.codec_context.width, stream.codec_context.height)
        feed = _Feed(reader.name, stream)
        feed.run(packets(container, [stream]))
        if not feed.frames:
            raise BadInput(
                f"{reader.name}: none of its {stream.codec_context.name} frames can be decoded; it may be damaged "
                "or protected. Try to play it, and upload a copy that plays."
            )
        return feed.facts()


def check_clear(name: str, packet: Packet[Any]) -> None:
    """Raises BadInput for a packet that is encrypted."""
    if packet.has_sidedata("encryption_info"):
        raise BadInput(f"{name} is encrypted (DRM): only its owner can decrypt it. Upload an unprotected copy.")


def check_size(name: str, width: int, height: int) -> None:
    """Raises BadInput for pictures that no decoder should be asked to make room for, or that nobody can see."""
    if 0 < min(width, height) < _LEAST_SIDE:
        raise BadInput(
            f"{name}: its pictures are {width}x{height} pixels; at least {_LEAST_SIDE} a side are needed. "
            "Scale it up first, without smoothing."
        )
    if max(width, height) > _MOST_SIDE or width * height > _MOST_AREA:
        raise BadInput(
            f"{name}: its pictures are {width}x{height} pixels; at most {_MOST_SIDE} a side and 67 megapixels in "
            "all can be encoded. Scale it down first."
        )


class _Feed:
    """Decodes packet by packet, numbering them so that the frames tell where they come from."""

    def __init__(self, name: str, stream: VideoStream) -> None:
        context = stream.codec_context
        self.frames: list[VideoFrame] = []
        self._name = name
        self._stream = stream
        # Encoders of AV1 may code any picture smaller than all are to be shown.
        self._size = (context.width, context.height) if context.codec.canonical_name == "av1" else (0, 0)
        self._test = packet_test(context.codec.canonical_name, bytes(context.extradata or b""))
        self._entry: int | None = None  # row of the first entry point
        self._fed = 0  # packets from there on that should show a frame
        self._pts: list[int | None] = []

    def run(self, source: Iterable[Packet[Any]]) -> None:
        """Decode as much as is needed."""
        for row, packet in enumerate(source):
            self._add(row, packet)
            most = _MOST_PACKETS if self._entry is not None or not self.frames else _MOST_BLIND
            if row >= most or (len(self.frames) >= _ENOUGH and self._entry in self._rows()):
                break
        self.frames += decode(self._stream, None)

    def facts(self) -> Opening:
        """What the frames tell."""
        first, stream, rows = self.frames[0], self._stream, self._rows()
        check_size(self._name, first.width, first.height)
        aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
        shown = sum(1 for row in rows if self._entry is not None and row >= self._entry)
        return Opening(
            width=self._size[0] or first.width,
            height=self._size[1] or first.height,
            pixel_format=first.format.name,
            bit_depth=max(8, *(component.bits for component in first.format.components)),
            sample_aspect=aspect if aspect > 0 else Fraction(1),
            turn=turn_of(side_data(first, Type.DISPLAYMATRIX)),
            interlaced=any(frame.interlaced_frame for frame in self.frames),
            colour=colour_of(first),
            rows=tuple(rows),
            pts=min((pts for row in rows if (pts := self._pts[row]) is not None), default=None),
            fields=0 < shown < _FIELDS * self._fed,
        )

    def _add(self, row: int, packet: Packet[Any]) -> None:
        check_clear(self._name, packet)
        flags = self._test(packet)
        if self._entry is None and flags & SAFE:
            self._entry = row
        if self._entry is not None and flags & SHOWN and not packet.is_discard:
            self._fed += 1
        self._pts.append(packet.pts)
        packet.pts = packet.dts = row
        self.frames += decode(self._stream, packet)

    def _rows(self) -> list[int]:
        return [frame.pts for frame in self.frames if frame.pts is not None and frame.pts < len(self._pts)]
