"""What a result is made of, and how much room to keep at its front."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from fallow.errors import BrokenPart
from fallow.media.inspect import blamed, only_stream, reading, rising
from fallow.media.moov import TrackTable, index_bound, runs, text_bound, words_bound
from fallow.media.packet_order import DecodeLine
from fallow.media.reader import RangedReader
from fallow.model import Chapter, Colour, TaskKind
from fallow.recipe import LEAD


@dataclass(frozen=True)
class VideoPart:
    """The encoded frames of one chunk: places [lo, hi) of the result."""

    open: Callable[[], RangedReader]
    container: str
    lo: int
    hi: int
    size: int  # bytes
    damaged: bool = False  # holds fewer frames than places


@dataclass(frozen=True)
class TrackPart:
    """One whole audio or text track, in track time."""

    open: Callable[[], RangedReader]
    container: str
    kind: TaskKind
    packets: int
    size: int  # bytes
    end: Fraction | None = None  # seconds of track time; what the last packet plays after it is padding
    language: str = ""
    title: str = ""
    default: bool = False
    forced: bool = False


@dataclass(frozen=True)
class Bounds:
    """What the video parts will not exceed."""

    payload: int  # bytes of all of them
    lossy: bool  # some may hold fewer frames than places

    @classmethod
    def of(cls, parts: Iterable[VideoPart]) -> Bounds:
        """Those of parts that are all there."""
        known = [(part.size, part.damaged) for part in parts]
        return cls(sum(size for size, _ in known), any(damaged for _, damaged in known))


@dataclass(frozen=True)
class JoinPlan:
    """Everything a result is made of."""

    container: str  # mp4, matroska, mpegts
    video: Iterable[VideoPart]  # in order; whoever goes through them may have to wait for one that is still made
    times: Sequence[int]  # of every frame, from the source's start
    time_base: Fraction
    end: int  # of the last frame
    tracks: Sequence[TrackPart] = ()
    colour: Colour = field(default_factory=Colour)
    title: str = ""
    chapters: Sequence[Chapter] = ()
    bounds: Bounds | None = None  # None: all parts are there


@dataclass(frozen=True)
class Layout:
    """Bytes at the front of the result."""

    index: int  # left free for an MP4's index
    held: int  # known only at the end: the index and what stands around it, or a Matroska's duration and places


def lay_out(plan: JoinPlan) -> Layout:
    """Measure the front of the result. For an MP4 this reads through its sound, so that the index fits closely."""
    if plan.container == "mp4":
        index = _index(plan)
        return Layout(index, index + 96)  # ftyp before the index, free and mdat after it
    return Layout(0, 1 << 20 if plan.container == "matroska" else 0)


def _index(plan: JoinPlan) -> int:
    bounds = plan.bounds or Bounds.of(plan.video)
    tables, events = [_video_table(plan, lossy=bounds.lossy)], 0
    size = words_bound(
        [plan.title, *(track.title + track.language for track in plan.tracks)],
        [chapter.title for chapter in plan.chapters],
    )
    for number, track in enumerate(plan.tracks):
        if track.kind is TaskKind.AUDIO:
            with blamed(number, "track"):
                tables.append(_audio_table(track))
        else:
            samples = 2 * track.packets + 2  # every gap between two events is an empty sample
            events += samples
            size += text_bound(samples)
    payload = bounds.payload + sum(part.size for part in plan.tracks)
    return size + index_bound(tables, payload, events)


def _video_table(plan: JoinPlan, *, lossy: bool) -> TrackTable:
    first = next(iter(plan.video))
    with blamed(0), reading(first.open(), first.container) as opened:
        depth = only_stream(opened, "video").codec_context.reorder_depth
    line = DecodeLine(plan.times, depth)
    line.feed(plan.times)
    dts = array("q", (line.next() for _ in plan.times))
    return TrackTable(clocked(dts, plan.time_base), len(dts) if lossy else runs(dts) + 1, video=True)


def _audio_table(track: TrackPart) -> TrackTable:
    with reading(track.open(), track.container) as opened:
        stream = only_stream(opened, "audio")
        base, rate = Fraction(stream.time_base), stream.codec_context.sample_rate
        packets = rising(opened.demux(stream))
        dts = array("q", (packet.dts if packet.dts is not None else packet.pts for packet in packets))
    if len(dts) != track.packets:
        raise BrokenPart(f"The sound holds {len(dts)} packets instead of {track.packets}.")
    lead = round(LEAD / base)
    # In other units than samples, times are rounded when they are written: every duration may differ.
    alike = base == Fraction(1, rate or 1)
    durations = runs(dts) + 2 if alike else len(dts)
    return TrackTable(clocked([time - lead for time in dts], base), durations)


def clocked(ticks: Sequence[int], base: Fraction) -> array[int]:
    """Times in nanoseconds, which all tracks share."""
    up, down = base.numerator * 10**9, base.denominator
    return array("q", (time * up // down for time in ticks))
