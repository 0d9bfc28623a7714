"""Which container a chunk or a track is shipped in: one that FFmpeg reads from a pipe, exactly.

| codec | container | why |
|---|---|---|
| H.264, HEVC, MPEG-1, MPEG-2 | MPEG-TS | playable anywhere; headers repeated at every entry point |
| VP8, VP9, AV1, Theora, MJPEG, FFV1, ProRes, VVC | Matroska | their usual home, exact to the millisecond |
| DNxHD, QuickTime RLE, HAP | fragmented MOV | no other container takes them; they have no reordering |
| everything else, and what is too fine for the above | NUT | any time base, nearly any codec |
| what none of them takes, RGB pictures without a codec | FFV1 in NUT, of decoded frames | lossless |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from fallow.media.frames import FrameIndex

_MPEGTS = {
    "h264": "h264_mp4toannexb,dump_extra=freq=keyframe",
    "hevc": "hevc_mp4toannexb,dump_extra=freq=keyframe",
    "mpeg1video": "dump_extra=freq=keyframe",
    "mpeg2video": "dump_extra=freq=keyframe",
}
_MATROSKA = ("vp8", "vp9", "av1", "theora", "mjpeg", "ffv1", "prores", "vvc")
_MOV = ("dnxhd", "qtrle", "hap")
_SEQUENCED = ("dirac",)  # what ends a sequence is a packet of its own, which shows nothing
_TAGGED = ("avi", "asf", "nut")  # decoders choose a codec's variant by the tag that these containers give

_MPEGTS_TICK, _MPEGTS_GAP = Fraction(1, 90000), Fraction(1, 45000)
_MPEGTS_LONGEST = 90000  # seconds: the 33-bit clock wraps after 95443
_MATROSKA_GAP = Fraction(2, 1000)


@dataclass(frozen=True)
class Wrapping:
    """How packets are wrapped."""

    container: str  # muxer and demuxer name
    filters: str = ""  # bit stream filters
    options: dict[str, str] = field(default_factory=dict)
    codec_tag: str = ""


def chunk_wrapping(stream: VideoStream, index: FrameIndex) -> Wrapping:
    """How the chunks of a source are wrapped."""
    codec = stream.codec_context.codec.canonical_name
    gap = index.smallest_gap * index.time_base
    if index.decoded:
        return Wrapping("nut")
    if codec in _MPEGTS and _fits_mpegts(index, gap):
        return Wrapping("mpegts", _MPEGTS[codec])
    if codec in _MATROSKA and (gap >= _MATROSKA_GAP or codec in ("prores", "vvc")):
        # ProRes decoders take the bit depth from the tag.
        return Wrapping("matroska", codec_tag=stream.codec_context.codec_tag if codec == "prores" else "")
    if codec in _MOV:
        return Wrapping("mov", options={"movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont"})
    return nut_wrapping(stream)


def part_wrapping(stream: VideoStream) -> Wrapping:
    """How a stretch of a result is wrapped, as its parts were."""
    codec = stream.codec_context.codec.canonical_name
    return Wrapping("mpegts", _MPEGTS[codec]) if codec in _MPEGTS else Wrapping("matroska")


def nut_wrapping(stream: VideoStream) -> Wrapping:
    """The container that takes nearly everything."""
    codec, tag = stream.codec_context.codec.canonical_name, stream.codec_context.codec_tag
    tagged = tag.strip("\0") and (codec == "rawvideo" or stream.container.format.name in _TAGGED)
    return Wrapping("nut", codec_tag=tag if tagged else "")


def has_home(stream: VideoStream) -> bool:
    """Whether the codec's packets are proven in a container of their own, so that nothing needs to be tried."""
    codec = stream.codec_context.codec.canonical_name
    return codec in _MPEGTS or codec in _MATROSKA or codec in _MOV


def fits_nut(stream: VideoStream) -> bool:
    """Whether NUT takes the codec's packets, as far as can be told without trying to decode them from there."""
    codec = stream.codec_context.codec.canonical_name
    if codec in _SEQUENCED or (codec == "rawvideo" and not _raw_by_tag(stream)):
        return False
    return takes("nut", stream)


def takes(container: str, stream: Stream) -> bool:
    """Whether a container can hold a stream's packets."""
    output = open_output(Discard(), container, {})
    try:
        output.add_stream_from_template(stream, opaque=True)
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def open_output(sink: Any, container: str, options: dict[str, str]) -> OutputContainer:
    """A muxer whose times are left as they are, writing strictly forwards into `sink`."""
    options = {"avoid_negative_ts": "disabled", **options}
    if container == "nut":
        # Nobody seeks in a pipe, and FFmpeg aborts the process when key frames are too unusual for the index.
        options["write_index"] = "0"
    return av.open(sink, "w", format=container, options=options)


def _raw_by_tag(stream: VideoStream) -> bool:
    """Whether the layout of uncompressed pictures can be told from the tag alone, as NUT readers must."""
    pixels, tag = stream.codec_context.pix_fmt or "", stream.codec_context.codec_tag.strip("\0")
    return pixels == "yuv420p" or (bool(tag) and pixels.startswith(("yuv", "uyvy", "yuyv", "nv12")))


class Discard:
    """A sink that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)


def _fits_mpegts(index: FrameIndex, gap: Fraction) -> bool:
    exact = (index.time_base / _MPEGTS_TICK).denominator == 1
    length = (index.pts[-1] - index.pts[0]) * index.time_base
    return (exact or gap >= _MPEGTS_GAP) and length < _MPEGTS_LONGEST
