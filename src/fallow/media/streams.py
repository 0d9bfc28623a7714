"""Output containers and their streams: what a result's header says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.stream import Disposition

from fallow.media.reader import open_input
from fallow.media.templates import Picture, text_header, video_header
from fallow.model import Chapter, Colour

# FFmpeg's muxers, and what each is told.
_MUXERS = {
    # A finer movie clock than 1/1000 s, so that edit lists place sound to the sample.
    "mp4": {"movie_timescale": "90000"},
    "matroska": {},
    "mpegts": {},
}


# PyAV's names, and FFmpeg's codes for "not specified".
_COLOUR = {"color_range": 0, "color_primaries": 2, "color_trc": 2, "colorspace": 2}


def open_output(file: Any, container: str, index: int, title: str, chapters: Sequence[Chapter]) -> Any:
    """A container that is written to `file`; `index` bytes are left free at the front of an MP4."""
    options = dict(_MUXERS[container])
    if container == "mp4":
        options["moov_size"] = str(index)
    if container == "mpegts":
        options["max_delay"] = "700000"  # microseconds a receiver may buffer, as FFmpeg's own program allows
    # Packets arrive in order: waiting for a sparse stream (subtitles) longer than a second only fills memory.
    options["max_interleave_delta"] = "1000000"
    output = av.open(file, "w", format=container, options=options, buffer_size=1 << 18)
    if title:
        output.metadata["title"] = title
    output.set_chapters(
        [
            {
                "id": number + 1,
                "start": round(chapter.begin * 1000),
                "end": round(chapter.end * 1000),
                "time_base": Fraction(1, 1000),
                "metadata": {"title": chapter.title},
            }
            for number, chapter in enumerate(chapters)
        ]
    )
    return output


def add_video(output: Any, template: Any, time_base: Fraction, colour: Colour) -> Any:
    """The video stream of the result, as the first part describes it."""
    context = template.codec_context
    aspect = template.sample_aspect_ratio or Fraction(1)
    if colour.mastering or colour.light:
        picture = Picture(context.codec.canonical_name, context.width, context.height, colour)
        with open_input(video_header(picture)) as header:
            stream = output.add_stream_from_template(header.streams.video[0], opaque=True)
        described = stream.codec_context
        described.extradata = context.extradata
        described.profile, described.level = context.profile, context.level
        described.pix_fmt = context.pix_fmt
        for name, unspecified in _COLOUR.items():
            if getattr(context, name) != unspecified:
                setattr(described, name, getattr(context, name))
    else:
        stream = output.add_stream_from_template(template, opaque=True)
    stream.codec_context.sample_aspect_ratio = aspect
    stream.time_base = time_base
    stream.disposition = Disposition.default
    if output.format.name == "mp4" and context.codec.canonical_name == "hevc":
        # Apple's players read parameter sets from the header alone, and only under this tag.
        stream.codec_context.codec_tag = "hvc1"
    return stream


def add_track(output: Any, template: Any) -> Any:
    """An audio or subtitle stream like its part's."""
    return output.add_stream_from_template(template, opaque=True)


def add_text(output: Any) -> Any:
    """A timed text stream of an MP4."""
    with open_input(text_header()) as header:
        return output.add_stream_from_template(header.streams.subtitles[0], opaque=True)


def describe(stream: Any, language: str, title: str, marks: Sequence[str]) -> None:
    """Say what a person should know when choosing among streams; `marks` are names of FFmpeg's dispositions."""
    if language:
        stream.metadata["language"] = language
    if title:
        # MP4 knows no titles of tracks: FFmpeg would write one that its own reader complains of.
        stream.metadata["handler_name" if stream.container.format.name == "mp4" else "title"] = title
    disposition = Disposition(0)
    for mark in marks:
        disposition |= Disposition[mark]
    stream.disposition = disposition


# Access unit delimiters and parameter sets by NAL unit type: broadcasts repeat them, files have them in the header.
_REPEATED = {"h264": "7-9", "hevc": "32-35"}


def stripping(stream: Any, container: str) -> Callable[[Any], Any]:
    """What turns a part's packet into one of the result."""
    types = _REPEATED.get(stream.codec_context.codec.canonical_name)
    if container == "mpegts" or types is None:
        return lambda packet: packet
    chosen = BitStreamFilterContext(f"filter_units=remove_types={types}", stream)
    return lambda packet: chosen.filter(packet)[0]


def respelled(packet: Any, spell: Callable[[bytes], bytes]) -> Any:
    """A packet of the same times with other content."""
    new = av.Packet(spell(bytes(packet)))
    new.time_base, new.pts, new.dts, new.duration = packet.time_base, packet.pts, packet.dts, packet.duration
    new.is_keyframe = True
    return new
