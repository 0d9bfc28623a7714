"""A small picture of each segment's beginning: one JPEG a chunk, and a WebVTT that says what is where in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from fallow.media.thumbnails import ACROSS, sheet
from fallow.streaming.listing import Segment, StreamFacts
from fallow.streaming.text import clock
from fallow.streaming.video import Piece, Save

FOLDER = "thumbnails"
_LONGEST = 160  # pixels of the longer side


def add_thumbnails(number: int, piece: Piece, facts: StreamFacts, segments: Sequence[Segment], save: Save) -> None:
    """The pictures of a chunk, from its part of one rendition and the segments that were made of it."""
    # Of a damaged part there may be fewer segments than were planned.
    wanted = [start - piece.part.lo for start in piece.starts[: len(segments)]]
    save(f"{FOLDER}/{number:05d}.jpg", sheet(piece.part, wanted, size(facts)))


def size(facts: StreamFacts) -> tuple[int, int]:
    """Of one picture, with its aspect and even sides."""
    shown = facts.width * facts.aspect
    scale = Fraction(_LONGEST) / max(Fraction(shown), Fraction(facts.height))
    return max(2, round(shown * scale / 2) * 2), max(2, round(facts.height * scale / 2) * 2)


def listing(chunks: Iterable[Sequence[Segment]], facts: StreamFacts) -> str:
    """WebVTT whose cues are places in pictures, as video players read it; the segments of each chunk are given."""
    width, height = size(facts)
    cues = []
    for number, segments in enumerate(chunks):
        for place, segment in enumerate(segments):
            row, column = divmod(place, ACROSS)
            begin, end = (
                clock(Fraction(ticks, facts.timescale))
                for ticks in (segment.start, segment.start + segment.duration)
            )
            where = f"{number:05d}.jpg#xywh={column * width},{row * height},{width},{height}"
            cues.append(f"{begin} --> {end}\n{where}\n")
    return "\n".join(["WEBVTT\n", *cues])
