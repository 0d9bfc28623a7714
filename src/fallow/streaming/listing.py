"""What is known of streams and their segments: playlists are made of it, and a packager goes on with it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow.model import TaskKind


@dataclass(frozen=True)
class Segment:
    """One file of a stream."""

    start: int  # when its first frame is shown, in the stream's ticks
    duration: int
    size: int  # bytes
    key: int = 0  # bytes from its start to the end of its first frame; 0: no pictures


def begins_late(start: int, timescale: int) -> bool:
    """So late that a player has to be told of the hole before the first segment; with less, that begins earlier."""
    return 2 * start > timescale


@dataclass(frozen=True)
class StreamFacts:
    """One stream: the pictures of a rendition, a track of sound, or one of text."""

    name: str  # of the rendition or the track
    kind: TaskKind
    timescale: int  # ticks a second
    codecs: str = ""
    shift: int = 0  # ticks of the media's line at which the presentation begins
    headers: str = ""  # digest of the parameter sets
    depth: int = 0  # how many packets a frame may be reordered by
    width: int = 0
    height: int = 0
    aspect: Fraction = Fraction(1)
    rate: Fraction = Fraction(0)  # frames a second
    range: str = ""  # SDR, PQ or HLG
    channels: int = 0
    sample_rate: int = 0
    language: str = ""
    title: str = ""
    default: bool = False
    forced: bool = False

    @property
    def folder(self) -> str:
        return f"{self.kind.value}/{self.name}"


@dataclass(frozen=True)
class Stretch:
    """What one step added to one stream."""

    stream: str
    segments: tuple[Segment, ...]
    counters: tuple[tuple[int, int], ...] = ()  # of MPEG-TS: the last packet's number by its id
    facts: StreamFacts | None = None  # with the first one
    packets: int = 0
    keys: int = 0  # key frames among them


@dataclass(frozen=True)
class Packaged:
    """What one step of a packager added. All steps in order are all that another one needs to go on."""

    chunk: int | None  # None: a track, or a section of one
    stretches: tuple[Stretch, ...]
    onward: bool = False  # a section of a track that was begun before
    more: bool = False  # other sections of the track follow


class Ended(enum.Enum):
    """Whether more segments are to come."""

    GROWING = "growing"
    DONE = "done"
    BROKEN_OFF = "broken off"


@dataclass(frozen=True)
class Listed:
    """A stream and its segments so far."""

    facts: StreamFacts
    segments: Sequence[Segment]
    packets: int = 0
    keys: int = 0
    more: bool = False  # a track of which other sections follow

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    @property
    def seconds(self) -> Fraction:
        """When the last segment ends."""
        if not self.segments:
            return Fraction(0)
        last = self.segments[-1]
        return Fraction(last.start + last.duration, self.facts.timescale)

    def until(self, seconds: Fraction) -> Listed:
        """As far as segments begin before then."""
        ticks = seconds * self.facts.timescale
        return Listed(self.facts, [segment for segment in self.segments if segment.start < ticks])

    def within(self, seconds: Fraction) -> Listed:
        """As far as segments end by then."""
        ticks = seconds * self.facts.timescale
        return Listed(self.facts, [s for s in self.segments if s.start + s.duration <= ticks])


def listed(steps: Iterable[Packaged]) -> dict[str, Listed]:
    """The streams by folder, in the order of their first step."""
    facts: dict[str, StreamFacts] = {}
    segments: dict[str, list[Segment]] = {}
    counts: dict[str, tuple[int, int]] = {}
    more: dict[str, bool] = {}
    for step in steps:
        for stretch in step.stretches:
            name = stretch.stream
            if stretch.facts is not None:
                facts[name] = stretch.facts
            segments.setdefault(name, []).extend(stretch.segments)
            more[name] = step.more
            packets, keys = counts.get(name, (0, 0))
            counts[name] = packets + stretch.packets, keys + stretch.keys
    return {name: Listed(facts[name], segments[name], *counts[name], more[name]) for name in facts}
