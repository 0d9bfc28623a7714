"""Joins video parts, audio and text into one file: the k-th frame gets the k-th source time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from typing import Any

import av
import av.error

from fallow.errors import BrokenPart, EncoderFailed
from fallow.media.inspect import Headers, blamed, only_stream, reading, rising
from fallow.media.packet_order import DecodeLine
from fallow.media.part_frames import frames, places
from fallow.media.patch_head import Shape, finished
from fallow.media.result_layout import JoinPlan, Layout, TrackPart
from fallow.media.sink import HeldHead, Pipe, Sink
from fallow.media.streams import (
    add_text,
    add_track,
    add_video,
    describe,
    open_output,
    respelled,
    stripping,
)
from fallow.media.to_timed_text import timed_text
from fallow.model import TaskKind
from fallow.recipe import LEAD


@dataclass(frozen=True)
class JoinFacts:
    """What was joined, counted while it passed."""

    frames: int
    key_frames: int
    duration: Fraction  # seconds
    size: int  # bytes of the whole file
    bit_rate: int  # bit/s, everything included
    tracks: tuple[int, ...]  # packets of each
    head: bytes  # belongs before everything the sink received
    damaged: bool = False  # some part had fewer frames than places


def join(plan: JoinPlan, layout: Layout, sink: Sink) -> JoinFacts:
    """Write the result to the sink in one pass; raises BrokenPart, naming the part, when one is not as promised.

    Parts are opened one after another, so neither memory nor connections grow with their number.
    """
    file = HeldHead(sink, layout.held) if layout.held else Pipe(sink)
    video, tracks = _Tally(), [_Tally() for _ in plan.tracks]
    try:
        with ExitStack() as stack:
            output = open_output(file, plan.container, layout.index, plan.title, plan.chapters)
            shape, lane = _video_lane(plan, output, video)
            lanes = [lane]
            for number, tally in enumerate(tracks):
                lanes.append(_track_lane(plan, number, output, stack, tally))
            for _, packet in heapq.merge(*lanes, key=itemgetter(0)):
                output.mux_one(packet)
            output.close()
    except av.error.FFmpegError as error:
        raise EncoderFailed(f"The {plan.container} muxer refused the joined packets ({error.strerror}).") from error
    duration = plan.end * plan.time_base
    return JoinFacts(
        frames=video.packets,
        key_frames=video.keys,
        duration=duration,
        size=file.size,
        bit_rate=round(file.size * 8 / duration) if duration else 0,
        tracks=tuple(tally.packets for tally in tracks),
        head=finished(file.head, plan.container, shape),
        damaged=video.damaged,
    )


class _Tally:
    """What went by in one lane."""

    def __init__(self) -> None:
        self.packets = 0
        self.keys = 0
        self.damaged = False


Lane = Iterator[tuple[int, Any]]  # decode time in nanoseconds, packet
Spelling = Callable[[bytes], bytes]


def _video_lane(plan: JoinPlan, output: Any, tally: _Tally) -> tuple[Shape, Lane]:
    first = next(iter(plan.video))
    with blamed(0), reading(first.open(), first.container) as opened:
        template = only_stream(opened, "video")
        stream = add_video(output, template, plan.time_base, plan.colour)
        context = template.codec_context
        depth = context.reorder_depth
        headers = Headers(template).digest()
        aspect = template.sample_aspect_ratio or Fraction(1)
        shape = Shape(context.width, context.height, aspect, _steady(plan))
    return shape, _video_packets(plan, stream, depth, headers, tally)


def _steady(plan: JoinPlan) -> Fraction | None:
    """Seconds that every frame is shown, if it is the same for all but for the rounding of their times."""
    times, last = plan.times, len(plan.times) - 1
    if last < 1:
        return None
    whole = times[-1] - times[0]
    # In integers: this looks at every frame of a film.
    if any(abs((time - times[0]) * last - number * whole) > last for number, time in enumerate(times)):
        return None
    return Fraction(whole, last) * plan.time_base


def _video_packets(plan: JoinPlan, stream: Any, depth: int, headers: str, tally: _Tally) -> Lane:
    times = plan.times
    line = DecodeLine(times, depth)
    clock = _Clock(plan.time_base)
    strip = stripping(stream, plan.container)
    wanted = 0
    for number, part in enumerate(plan.video):
        wanted += part.hi - part.lo
        tally.damaged |= part.damaged
        with blamed(number):
            there = places(part, times, plan.time_base)
            line.feed(times[place] for place in there)
            for coded, place in frames(part, there, depth, headers):
                packet = strip(coded)
                packet.stream, packet.time_base = stream, plan.time_base
                packet.pts, packet.dts = times[place], line.next()
                packet.duration = (times[place + 1] if place + 1 < len(times) else plan.end) - times[place]
                tally.packets += 1
                tally.keys += packet.is_keyframe
                yield clock(packet.dts), packet
    if wanted != len(times):
        raise ValueError(f"The parts hold {wanted} places for {len(times)} frames.")


def _track_lane(plan: JoinPlan, number: int, output: Any, stack: ExitStack, tally: _Tally) -> Lane:
    track = plan.tracks[number]
    with blamed(number, "track"):
        opened = stack.enter_context(reading(track.open(), track.container))
        template = only_stream(opened, "audio" if track.kind is TaskKind.AUDIO else "subtitle")
    spelled = track.kind is TaskKind.TEXT and plan.container == "mp4"
    stream = add_text(output) if spelled else add_track(output, template)
    marks = [name for name, wanted in (("default", track.default), ("forced", track.forced)) if wanted]
    describe(stream, track.language, track.title, marks)
    packets = _shifted(track, opened, template, tally)
    return _track_packets(number, packets, stream, timed_text if spelled else None)


def _track_packets(number: int, packets: Iterator[Any], stream: Any, spell: Spelling | None) -> Lane:
    clock: _Clock | None = None
    with blamed(number, "track"):
        for packet in packets:
            clock = clock or _Clock(packet.time_base)
            if spell:
                packet = respelled(packet, spell)
            packet.stream = stream
            yield clock(packet.dts), packet


def _shifted(track: TrackPart, opened: Any, template: Any, tally: _Tally) -> Iterator[Any]:
    """The track's packets in result time."""
    base = Fraction(template.time_base)
    lead = round(LEAD / base)
    end = None if track.end is None else round((track.end - LEAD) / base)
    for packet in rising(opened.demux(template)):
        packet.pts -= lead
        packet.dts = packet.pts if packet.dts is None else packet.dts - lead
        if end is not None and packet.pts < end < packet.pts + (packet.duration or 0):
            packet.duration = end - packet.pts
        tally.packets += 1
        yield packet
    if tally.packets != track.packets:
        raise BrokenPart(f"The track holds {tally.packets} packets instead of {track.packets}.")


class _Clock:
    """Ticks as nanoseconds, so that lanes of different time bases merge quickly."""

    def __init__(self, base: Fraction) -> None:
        self._up, self._down = base.numerator * 10**9, base.denominator

    def __call__(self, ticks: int) -> int:
        return ticks * self._up // self._down
