"""Subtitles as WebVTT: as text for HLS, in MP4 for DASH, and whole for whoever wants them so."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow.catalogue import StreamFormat
from fallow.media.coded import TextEvent, text_events
from fallow.media.result_layout import TrackPart
from fallow.media.transport import LEAD
from fallow.model import TaskKind
from fallow.streaming.fragments import Header, header, segment
from fallow.streaming.listing import Segment, StreamFacts, Stretch
from fallow.streaming.timed_cues import ENTRY, Cue, samples
from fallow.streaming.video import Save

SCALE = 1000  # ticks a second
_KEPT = re.compile(r"&lt;(/?[biu])&gt;")  # what WebVTT means the same by
_LEFT_OUT = re.compile(r"</?(?!/?[biu]>)[a-zA-Z][^<>]*>|\{\\[^{}]*\}")  # fonts, colours, places
ON_TRANSPORT = f"X-TIMESTAMP-MAP=MPEGTS:{LEAD % (1 << 33)},LOCAL:00:00:00.000\n"
"""Where zero is on the line of MPEG-TS segments."""


@dataclass(frozen=True)
class Span:
    """How a track is cut: into segments of a length, up to the end of the film."""

    seconds: Fraction
    end: Fraction

    def __iter__(self) -> Iterator[tuple[Fraction, Fraction]]:
        for number in range(-int(-self.end // self.seconds)):
            yield number * self.seconds, min(self.end, (number + 1) * self.seconds)


def add_text(name: str, part: TrackPart, span: Span, kind: StreamFormat, save: Save) -> Stretch | None:
    """A whole track; None when nothing is in it."""
    events = [event for event in text_events(part) if event.end > event.begin]
    if not events:
        return None
    facts = StreamFacts(
        name=name,
        kind=TaskKind.TEXT,
        timescale=SCALE,
        codecs="wvtt",
        language=part.language,
        title=part.title,
        default=part.default,
        forced=part.forced,
    )
    save(f"{facts.folder}/whole.vtt", webvtt(events))
    mapping = ON_TRANSPORT if kind.segments == "mpegts" else ""
    made = []
    for number, (begin, until) in enumerate(span):
        data = webvtt([event for event in events if event.begin < until and event.end > begin], mapping)
        if kind.hls:
            save(f"{facts.folder}/{number:05d}.vtt", data)
        made.append(Segment(_ticks(begin), _ticks(until) - _ticks(begin), len(data)))
    if kind.dash:
        _add_samples(facts, events, made, save)
    return Stretch(facts.folder, tuple(made), (), facts, len(events))


def _add_samples(facts: StreamFacts, events: Sequence[TextEvent], made: Sequence[Segment], save: Save) -> None:
    """The same segments in MP4."""
    save(f"{facts.folder}/init.mp4", header(Header("text", ENTRY, SCALE, facts.language)))
    cues = [Cue(_ticks(event.begin), _ticks(event.end), _plain(event.text).encode()) for event in events]
    for number, piece in enumerate(made):
        inside = samples(cues, piece.start, piece.start + piece.duration)
        save(f"{facts.folder}/{number:05d}.m4s", segment(number, piece.start, inside).data)


def _ticks(seconds: Fraction) -> int:
    return round(seconds * SCALE)


def webvtt(events: Sequence[TextEvent], mapping: str = "") -> bytes:
    """The events as a file. One that reaches into several segments stands in each of them, with all of its time."""
    cues = [f"{clock(event.begin)} --> {clock(event.end)}\n{_plain(event.text)}\n" for event in events]
    return "\n".join([f"WEBVTT\n{mapping}", *cues]).encode()


def clock(seconds: Fraction) -> str:
    """00:01:02.003"""
    whole = max(0, round(seconds * 1000))
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"


def _plain(subrip: bytes) -> str:
    """SubRip's text as WebVTT's: no empty line, no arrow, and no markup that the two do not share."""
    text = _LEFT_OUT.sub("", subrip.decode("utf-8", "replace")).replace("\r", "")
    escaped = _KEPT.sub(r"<\1>", html.escape(text, quote=False))
    return "\n".join(line for line in escaped.split("\n") if line.strip())
