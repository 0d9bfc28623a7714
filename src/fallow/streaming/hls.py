"""Playlists of HLS: RFC 8216 and its second edition, as Apple's authoring rules want them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fallow.model import TaskKind
from fallow.streaming import bit_rates
from fallow.streaming.listing import Ended, Listed, Segment, begins_late
from fallow.streaming.names import language, titles
from fallow.streaming.presentation import Presentation, Variant

_VERSIONS = {"cmaf": 7, "mpegts": 6}
_ENDINGS = {"cmaf": "m4s", "mpegts": "ts"}
_ROUNDED = Fraction(1, 50)


def playlists(shown: Presentation, segments: str) -> dict[str, str]:
    """All playlists by file name; `segments` are cmaf or mpegts."""
    found = {"master.m3u8": multivariant(shown, segments)}
    for variant in shown.variants:
        folder = variant.video.facts.folder
        found[f"{folder}/index.m3u8"] = media(variant.video, shown, segments)
        found[f"{folder}/iframes.m3u8"] = i_frames(variant.video, shown, segments)
    for stream in [*shown.sound, *shown.text]:
        found[f"{stream.facts.folder}/index.m3u8"] = media(stream, shown, segments)
    return found


def multivariant(shown: Presentation, segments: str) -> str:
    """The playlist that names all others."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSIONS[segments]}", *_broken_off(shown), "#EXT-X-INDEPENDENT-SEGMENTS"]
    groups = {variant.group: variant.sound for variant in shown.variants if variant.sound}
    names = {group: f"sound{number}" for number, group in enumerate(groups)}
    for group, sound in groups.items():
        lines += _media_tags("AUDIO", names[group], sound)
    lines += _media_tags("SUBTITLES", "text", shown.text)
    for variant in shown.variants:
        lines += _variant(variant, shown, names.get(variant.group, ""))
    lines += [_i_frame_variant(variant, shown) for variant in shown.variants]
    return "\n".join(lines) + "\n"


def media(stream: Listed, shown: Presentation, segments: str) -> str:
    """The playlist of one stream."""
    facts, ending = stream.facts, "vtt" if stream.facts.kind is TaskKind.TEXT else _ENDINGS[segments]
    lead, at = _lead(stream, shown, ending)
    lines = [*_top(stream, shown, segments), *lead]
    for number, segment in enumerate(stream.segments):
        lines += [_extinf(at, segment.start + segment.duration, facts.timescale), f"{number:05d}.{ending}"]
        at = segment.start + segment.duration
    return "\n".join([*lines, *_end(shown)]) + "\n"


def i_frames(stream: Listed, shown: Presentation, segments: str) -> str:
    """The key frame at the beginning of each segment, for fast winding."""
    lead, at = _lead(stream, shown, _ENDINGS[segments])
    lines = [*_top(stream, shown, segments), "#EXT-X-I-FRAMES-ONLY", *lead]
    for number, segment in enumerate(stream.segments):
        lines += [
            _extinf(at, segment.start + segment.duration, stream.facts.timescale),
            f"#EXT-X-BYTERANGE:{segment.key}@0",
            f"{number:05d}.{_ENDINGS[segments]}",
        ]
        at = segment.start + segment.duration
    return "\n".join([*lines, *_end(shown)]) + "\n"


def _lead(stream: Listed, shown: Presentation, ending: str) -> tuple[list[str], int]:
    """What stands for a hole before the first segment, and the tick that this begins at in the playlist."""
    scale, lines, at = stream.facts.timescale, list[str](), 0
    start = stream.segments[0].start if stream.segments else 0
    if stream.facts.kind is TaskKind.TEXT or not begins_late(start, scale):
        return [], 0
    while at < start:
        end = min(start, at + shown.target * scale)
        # Not all readers know this tag: there is a file, without anything in it.
        lines += ["#EXT-X-GAP", _extinf(at, end, scale), f"hole.{ending}"]
        at = end
    return lines, start


def _top(stream: Listed, shown: Presentation, segments: str) -> list[str]:
    longest = max((_rounded(segment, stream.facts.timescale) for segment in stream.segments), default=0)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSIONS[segments]}",
        *_broken_off(shown),
        f"#EXT-X-TARGETDURATION:{max(shown.target, longest)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if shown.ended is Ended.DONE else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    if segments == "cmaf" and stream.facts.kind is not TaskKind.TEXT:
        lines.append('#EXT-X-MAP:URI="init.mp4"')
    return lines


def _broken_off(shown: Presentation) -> list[str]:
    return ["# The job that made this failed: what follows the last segment is missing."] * (
        shown.ended is Ended.BROKEN_OFF
    )


def _end(shown: Presentation) -> list[str]:
    return [] if shown.ended is Ended.GROWING else ["#EXT-X-ENDLIST"]


def _rounded(segment: Segment, timescale: int) -> int:
    return (2 * segment.duration + timescale) // (2 * timescale)


def _extinf(start: int, end: int, timescale: int) -> str:
    """From one microsecond to another, so that the sum of all is never further off than one."""
    begin, until = (round(Fraction(tick, timescale) * 10**6) for tick in (start, end))
    return f"#EXTINF:{(until - begin) // 10**6}.{(until - begin) % 10**6:06d},"


def _media_tags(kind: str, group: str, streams: Sequence[Listed]) -> list[str]:
    names = titles(stream.facts for stream in streams)
    first = next((n for n, stream in enumerate(streams) if stream.facts.default), 0 if kind == "AUDIO" else -1)
    lines = []
    for number, (stream, name) in enumerate(zip(streams, names, strict=True)):
        facts = stream.facts
        words = [f"TYPE={kind}", f'GROUP-ID="{group}"', f"NAME={_quoted(name)}"]
        words += [f"LANGUAGE={_quoted(language(facts))}"] if language(facts) else []
        words += [f"DEFAULT={'YES' if number == first else 'NO'}", "AUTOSELECT=YES"]
        words += ["FORCED=YES"] if facts.forced else []
        words += [f'CHANNELS="{facts.channels}"'] if facts.channels else []
        lines.append(f"#EXT-X-MEDIA:{','.join(words)},URI={_quoted(f'{facts.folder}/index.m3u8')}")
    return lines


def _variant(variant: Variant, shown: Presentation, group: str) -> list[str]:
    facts = variant.video.facts
    codecs = dict.fromkeys([facts.codecs, *(stream.facts.codecs for stream in variant.sound)])
    words = [
        f"BANDWIDTH={shown.bandwidth(variant)}",
        f"AVERAGE-BANDWIDTH={shown.average(variant)}",
        f'CODECS="{",".join(codecs)}"',
        f"RESOLUTION={_resolution(variant)}",
        f"FRAME-RATE={float(facts.rate):.3f}",
        f"VIDEO-RANGE={facts.range}",
        *([f'AUDIO="{group}"'] if group else []),
        *(['SUBTITLES="text"'] if shown.text else []),
        "CLOSED-CAPTIONS=NONE",
    ]
    return [f"#EXT-X-STREAM-INF:{','.join(words)}", f"{facts.folder}/index.m3u8"]


def _i_frame_variant(variant: Variant, shown: Presentation) -> str:
    facts = variant.video.facts
    frames = Listed(facts, [Segment(s.start, s.duration, s.key) for s in variant.video.segments])
    words = [
        f"BANDWIDTH={bit_rates.peak(frames, shown.target)}",
        f"AVERAGE-BANDWIDTH={bit_rates.average(frames)}",
        f'CODECS="{facts.codecs}"',
        f"RESOLUTION={_resolution(variant)}",
        f"VIDEO-RANGE={facts.range}",
        f"URI={_quoted(f'{facts.folder}/iframes.m3u8')}",
    ]
    return f"#EXT-X-I-FRAME-STREAM-INF:{','.join(words)}"


def _resolution(variant: Variant) -> str:
    """As shown, but for what rounding to even sizes has done to the aspect."""
    facts = variant.video.facts
    stretched = abs(facts.aspect - 1) > _ROUNDED
    return f"{round(facts.width * facts.aspect) if stretched else facts.width}x{facts.height}"


def _quoted(text: str) -> str:
    """Attributes hold neither quotes nor the ends of lines."""
    return '"' + "".join(" " if c in '"\r\n' else c for c in text) + '"'
