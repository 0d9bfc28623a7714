"""What a delivered part really holds, found by reading its packets; cheap enough for every delivery."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error

from fallow.errors import BadInput, BrokenPart
from fallow.media.packet_order import TooDeep, deepest
from fallow.media.reader import RangedReader, open_input


@dataclass(frozen=True)
class PartFacts:
    """What one part holds. Sizes are those of a video part, `begin` and `end` the seconds a track covers."""

    codec: str
    frames: int  # video frames, audio packets or subtitle events
    headers: str  # sha256 of the codec's parameter sets
    reorder: int = 0  # how many packets a frame is sent late for others to refer to it, in this part
    depth: int = 0  # how many the header allows
    width: int = 0
    height: int = 0
    profile: str = ""
    level: int = 0
    keys: frozenset[int] = frozenset()  # the places of the key frames, in the order of display
    channels: int = 0
    sample_rate: int = 0
    begin: Fraction = Fraction(0)
    end: Fraction = Fraction(0)


# Parameter sets by NAL unit type, and the types of pictures, before which all of them stand.
_PARAMETERS = {"h264": {7, 8}, "hevc": {32, 33, 34}}


def inspect_video(reader: RangedReader, container: str) -> PartFacts:
    """Facts of a video part; raises BrokenPart when it cannot be joined whatever its neighbours are."""
    with reading(reader, container) as opened:
        stream = only_stream(opened, "video")
        prints = Headers(stream)
        pts, keys = array("q"), set[int]()
        for packet in rising(opened.demux(stream)):
            pts.append(_checked(packet, len(pts), prints))
            if packet.is_keyframe:
                keys.add(pts[-1])
        if not pts:
            raise BrokenPart("The part holds no frames.")
        context = stream.codec_context
        return PartFacts(
            codec=context.codec.canonical_name,
            frames=len(pts),
            headers=prints.digest(),
            reorder=deepest(pts),
            depth=context.reorder_depth,
            width=context.width,
            height=context.height,
            profile=str(context.profile or ""),
            level=context.level,
            keys=frozenset(place for place, time in enumerate(sorted(pts)) if time in keys),
            begin=min(pts) * Fraction(stream.time_base),
            end=max(pts) * Fraction(stream.time_base),
        )


def _checked(packet: Any, number: int, prints: Headers) -> int:
    if number == 0 and not packet.is_keyframe:
        raise BrokenPart("The part does not begin with a key frame.")
    if packet.pts is None:
        raise BrokenPart(f"Frame {number} of the part has no presentation time.")
    prints.see(packet)
    return int(packet.pts)


def inspect_track(reader: RangedReader, container: str) -> PartFacts:
    """Facts of an audio or text part, which may be empty of packets (a film without a single line of speech)."""
    with reading(reader, container) as opened:
        stream = only_stream(opened, "audio", "subtitle")
        base = Fraction(stream.time_base)
        count, begin, end = 0, None, Fraction(0)
        for packet in rising(opened.demux(stream)):
            count += 1
            begin = packet.pts if begin is None else begin
            end = max(end, (packet.pts + (packet.duration or 0)) * base)
        context = stream.codec_context
        return PartFacts(
            codec=context.codec.canonical_name,
            frames=count,
            headers=Headers(stream).digest(),
            channels=getattr(context, "channels", 0) or 0,
            sample_rate=getattr(context, "sample_rate", 0) or 0,
            begin=(begin or 0) * base,
            end=end,
        )


@contextmanager
def reading(reader: RangedReader, container: str) -> Iterator[av.container.InputContainer]:
    """The part, opened; BrokenPart when it is no such container."""
    try:
        opened = open_input(reader, container)
    except BadInput as error:
        raise BrokenPart(f"The part cannot be read as {container}.") from error
    with closing(opened):
        yield opened


@contextmanager
def blamed(number: int, what: str = "part") -> Iterator[None]:
    """Names the part in what is raised about it."""
    try:
        yield
    except (BrokenPart, TooDeep) as error:
        named = BrokenPart(f"{what.capitalize()} {number} cannot be joined: {error}")
        setattr(named, what, number)
        raise named from error


def only_stream(opened: av.container.InputContainer, *kinds: str) -> Any:
    """The part's one stream."""
    found = [stream for stream in opened.streams if stream.type in kinds]
    if len(found) != 1 or len(opened.streams) != 1:
        names = ", ".join(stream.type for stream in opened.streams) or "none"
        raise BrokenPart(f"The part should hold one {' or '.join(kinds)} stream; it holds: {names}.")
    return found[0]


def rising(packets: Iterable[Any]) -> Iterator[Any]:
    """The packets that carry data, as long as they can be read and their decode times rise."""
    last = None
    try:
        for packet in packets:
            if not packet.size:
                continue
            if packet.dts is not None and last is not None and packet.dts <= last:
                raise BrokenPart(f"Decode times do not rise in the part: {last}, then {packet.dts}.")
            last = packet.dts if packet.dts is not None else last
            yield packet
    except av.error.FFmpegError as error:
        raise BrokenPart(f"The part cannot be read to its end ({error.strerror}).") from error


class Headers:
    """The parameter sets of one stream: those of its header, and those sent with its key frames."""

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        name = context.codec.canonical_name
        self._types = _PARAMETERS.get(name, set())
        self._shift, self._mask = (1, 63) if name == "hevc" else (0, 31)
        extradata = bytes(context.extradata or b"")
        self._sets = set(self._units(extradata)) if self._types else {extradata}
        self._about = f"{name} {getattr(context, 'width', 0)}x{getattr(context, 'height', 0)}"

    def see(self, packet: Any) -> None:
        """Take in a packet's parameter sets; only key frames carry any."""
        if packet.is_keyframe and self._types:
            self._sets.update(self._units(bytes(packet)))

    def digest(self) -> str:
        content = b"".join(len(unit).to_bytes(4, "big") + unit for unit in sorted(self._sets))
        return hashlib.sha256(self._about.encode() + content).hexdigest()

    def _units(self, data: bytes) -> Iterator[bytes]:
        """The parameter sets before the first picture of an Annex B packet."""
        at = data.find(b"\0\0\1")
        while 0 <= at < len(data) - 3:
            kind = data[at + 3] >> self._shift & self._mask
            if kind in self._types:
                end = data.find(b"\0\0\1", at + 3)
                yield data[at + 3 : end if end >= 0 else len(data)].rstrip(b"\0")
            elif self._picture(kind):
                return
            at = data.find(b"\0\0\1", at + 3)

    def _picture(self, kind: int) -> bool:
        return 1 <= kind <= 5 if self._shift == 0 else kind < 32
