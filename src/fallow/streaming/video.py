"""The pictures of one rendition as segments: each begins with a key frame, as planned, at its exact time."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow.errors import BrokenPart
from fallow.media.coded import CodedFrame, VideoFacts, coded_frames, template, video_facts
from fallow.media.result_layout import VideoPart
from fallow.model import Colour, TaskKind
from fallow.streaming.codec_names import codec_name, video_range
from fallow.streaming.decode_line import decode_times
from fallow.streaming.fragments import Header
from fallow.streaming.listing import Segment, StreamFacts, Stretch, begins_late
from fallow.streaming.packing import Counters, Packing, Row

Save = Callable[[str, bytes], None]
"""Takes a file's name, relative to the result's folder, and its bytes."""


@dataclass(frozen=True)
class Film:
    """The frames of one rendition."""

    name: str
    times: Sequence[int]  # of every frame, from the source's start
    time_base: Fraction
    end: int  # of the last frame
    rate: Fraction  # frames a second, on average
    colour: Colour
    cap: int = 0  # bit/s that it is kept under; 0: unknown
    sound: tuple[str, ...] = ()  # the tracks that belong to it

    def tick(self, place: int) -> int:
        """When a frame is shown, in ticks of 1 / the time base's denominator; after the last: when that ends."""
        time = self.times[place] if place < len(self.times) else self.end
        return time * self.time_base.numerator


@dataclass(frozen=True)
class Piece:
    """One chunk of a rendition."""

    part: VideoPart
    starts: tuple[int, ...]  # the places where segments begin, the first of them the part's


def begin(film: Film, part: VideoPart, packing: type[Packing], save: Save) -> StreamFacts:
    """The facts of a rendition, from its first part; its header is saved, if there is one."""
    found = video_facts(part, film.rate, film.colour)
    facts = _facts(film, found)
    width = round(found.width * found.aspect)
    top = packing.header(Header("vide", found.entry, facts.timescale, "", facts.shift, width, found.height))
    if top:
        save(f"{facts.folder}/init.mp4", top)
    return facts


def _facts(film: Film, found: VideoFacts) -> StreamFacts:
    timescale = film.time_base.denominator
    return StreamFacts(
        name=film.name,
        kind=TaskKind.VIDEO,
        timescale=timescale,
        codecs=codec_name(found.entry),
        shift=max(found.depth, round(found.depth * timescale / film.rate)),
        headers=found.headers,
        depth=found.depth,
        width=found.width,
        height=found.height,
        aspect=found.aspect,
        rate=film.rate,
        range=video_range(found.entry),
    )


@dataclass(frozen=True)
class Onward:
    """Where a stream goes on."""

    facts: StreamFacts
    number: int  # of the next segment
    counters: Counters = ()


def add(film: Film, onward: Onward, piece: Piece, packing: type[Packing], save: Save) -> Stretch:
    """The segments of the next part."""
    facts, made, packets, keys = onward.facts, list[Segment](), 0, 0
    with template(piece.part) as stream:
        packs = packing(facts, stream, onward.counters)
        for start, rows, end in _runs(film, facts, piece):
            packed = packs.pack(onward.number + len(made), rows)
            save(f"{facts.folder}/{onward.number + len(made):05d}{packs.ending}", packed.data)
            made.append(Segment(start, end - start, len(packed.data), packed.first))
            packets, keys = packets + len(rows), keys + sum(row.packet.is_keyframe for row in rows)
    if onward.number == 0 and begins_late(made[0].start, facts.timescale):
        save(f"{facts.folder}/hole{packs.ending}", packs.nothing)
    return Stretch(facts.folder, tuple(made), packs.counters, None, packets, keys)


def _runs(film: Film, facts: StreamFacts, piece: Piece) -> Iterator[tuple[int, list[Row], int]]:
    """The segments of a part: the tick that each begins to be shown at, its packets, and the tick it ends at."""
    there, coded = coded_frames(piece.part, film.times, film.time_base, facts.depth, facts.headers)
    # Frames that could not be decoded are missing in all renditions: the n-th that is there is the n-th in all.
    bounds = [start - piece.part.lo for start in piece.starts if start - piece.part.lo < len(there)]
    ends = [film.tick(there[bound]) for bound in bounds[1:]] + [film.tick(piece.part.hi)]
    place = bisect.bisect_left
    for group, end in zip(
        _grouped(coded, [*bounds[1:], len(there)], lambda f: place(there, f.place)), ends, strict=True
    ):
        shown = [film.tick(frame.place) for frame in group]
        decoded = decode_times(shown, facts.shift)
        lasting = [after - now for now, after in zip(decoded, [*decoded[1:], end], strict=True)]
        rows = [Row(f.packet, d, s, n) for f, d, s, n in zip(group, decoded, shown, lasting, strict=True)]
        yield decoded[0], rows, end


def _grouped(
    coded: Iterator[CodedFrame], ends: Sequence[int], rank: Callable[[CodedFrame], int]
) -> Iterator[list[CodedFrame]]:
    """The frames of each segment, which must be those before its end, the first of them a key frame."""
    begin = 0
    for end in ends:
        group: list[CodedFrame] = []
        for _ in range(end - begin):
            frame = next(coded)
            group.append(frame)
            if not begin <= rank(frame) < end:
                raise BrokenPart(
                    f"Frame {rank(frame)} of the part is coded in the segment of frames {begin} to {end}."
                )
        if not group[0].key or rank(group[0]) != begin:
            raise BrokenPart(f"The part has no key frame at frame {begin}, where a segment begins.")
        yield group
        begin = end
    for _ in coded:  # to its end: what it holds is checked there
        raise BrokenPart(f"The part holds more than its {begin} frames.")
