"""Ship a source's sound and subtitles: each stream whole, packet by packet, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from fallow.media.containers import open_output
from fallow.media.decode import decode_audio
from fallow.media.from_timed_text import subrip
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import audio_streams, text_streams, wanted_streams
from fallow.media.sound import SampleClock, carried, track_shift
from fallow.media.write_packets import Memory
from fallow.model import AudioTrack, Source, TaskKind
from fallow.recipe import LEAD

Write = Callable[[bytes], object]
"""Takes the next bytes of an object."""

# The lossless codec of each sample format.
_SAMPLES = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}


@dataclass(frozen=True)
class TrackPlan:
    """One track: its kind, its place among the source's audio or subtitle streams, and its container."""

    kind: TaskKind  # AUDIO or TEXT
    index: int
    container: str


def plan_tracks(source: Source) -> list[TrackPlan]:
    """The tracks that a source is shipped as."""
    sound = [TrackPlan(TaskKind.AUDIO, track.index, "nut") for track in source.audio]
    return sound + [TrackPlan(TaskKind.TEXT, track.index, "matroska") for track in source.text]


def ship_tracks(reader: RangedReader, source: Source, sink: Callable[[TrackPlan], Write]) -> list[TrackPlan]:
    """Write every track through the function that `sink` gives for it; returns when all are complete.

    Objects grow side by side as the source is read, so no more than a few packets are held.
    """
    plans = plan_tracks(source)
    if not plans:
        return []
    with open_input(reader) as container:
        wanted = wanted_streams(container, best_video(container, reader.name))
        tracks = _tracks(container, source, {plan: sink(plan) for plan in plans})
        for packet in packets(container, wanted):
            if packet.stream_index in tracks:
                tracks[packet.stream_index].add(packet)
        for track in tracks.values():
            track.close()
    return plans


class _Track(Protocol):
    """One object in the making."""

    def add(self, packet: Packet[Any]) -> None: ...

    def close(self) -> None: ...


def _tracks(container: InputContainer, source: Source, writes: dict[TrackPlan, Write]) -> dict[int, _Track]:
    """The tracks by the index of their stream."""
    audio, text = audio_streams(container), text_streams(container)
    facts = {track.index: track for track in source.audio}
    result: dict[int, _Track] = {}
    for plan, write in writes.items():
        if plan.kind is TaskKind.TEXT:
            result[text[plan.index].index] = _Text(text[plan.index], source.start, write)
            continue
        stream = audio[plan.index]
        made = _Sound if carried(stream) else _Samples
        result[stream.index] = made(stream, facts[plan.index], source.start, write)
    return result


class _Object:
    """A muxer whose bytes are passed on as they come."""

    def __init__(self, container: str, write: Write) -> None:
        self._sink = Memory()
        self._write = write
        self.output = open_output(self._sink, container, {})

    def mux(self, packet: Packet[Any]) -> None:
        self.output.mux_one(packet)
        self._pass_on()

    def close(self) -> None:
        self.output.close()
        self._pass_on()

    def _pass_on(self) -> None:
        if data := self._sink.take():
            self._write(data)


class _Sound:
    """An audio stream's packets, their times counted in samples."""

    def __init__(self, stream: AudioStream, track: AudioTrack, start: Fraction, write: Write) -> None:
        self._clock = SampleClock.of(stream, start)
        self._object = SoundObject(stream, self._clock.rate, write)

    def add(self, packet: Packet[Any]) -> None:
        self._object.add(packet, *self._clock.place(packet))

    def close(self) -> None:
        self._object.close()


class SoundObject:
    """Packets of an audio stream as one object, placed on a line of samples."""

    def __init__(self, stream: AudioStream, rate: int, write: Write) -> None:
        self._tick = Fraction(1, rate)
        self._object = _Object("nut", write)
        self._stream = self._object.output.add_stream_from_template(stream, opaque=True)
        self._stream.time_base = self._tick
        self._last = -1
        self._heard = False

    def add(self, packet: Packet[Any], position: int, length: int) -> None:
        """The next packet, whose first sample has that position."""
        if packet.is_discard and self._heard:
            return  # between the pieces of an edit list
        self._heard |= not packet.is_discard
        # Streams joined end to end overlap where each begins with its encoder's delay; times must rise all the
        # same.
        self._last = max(self._last + 1, position)
        # Without side data: what it says of samples to skip is in the track's begin and end.
        copy: Packet[Any] = Packet(bytes(packet))
        copy.time_base, copy.duration = self._tick, length
        copy.pts = copy.dts = self._last
        copy.is_keyframe = True
        copy.stream = self._stream
        self._object.mux(copy)

    def close(self) -> None:
        self._object.close()


class _Samples:
    """An audio stream decoded, for codecs that cannot be carried over."""

    def __init__(self, stream: AudioStream, track: AudioTrack, start: Fraction, write: Write) -> None:
        self._source = stream
        self._object = _Object("nut", write)
        context = stream.codec_context
        codec = _SAMPLES.get(context.format.packed.name, "pcm_f32le")
        self._stream: Any = self._object.output.add_stream(codec, rate=context.sample_rate, layout=context.layout)
        self._next = int((track.begin + LEAD) * track.sample_rate)
        self._start = start
        self._first = True

    def add(self, packet: Packet[Any]) -> None:
        self._encode(packet)

    def close(self) -> None:
        self._encode(None)
        for packet in self._stream.encode(None):
            self._object.mux(packet)
        self._object.close()

    def _encode(self, packet: Packet[Any] | None) -> None:
        for frame in decode_audio(self._source, packet):
            base = frame.time_base
            if self._first and frame.pts is not None and base is not None:
                # A decoder that holds samples back says when the first of them are heard.
                self._next = round((frame.pts * base - self._start + LEAD) * frame.sample_rate)
            self._first = False
            frame.pts, frame.time_base = self._next, Fraction(1, frame.sample_rate)
            self._next += frame.samples
            for coded in self._stream.encode(frame):
                self._object.mux(coded)


class _Text:
    """A text subtitle stream; MP4 timed text becomes SubRip, which a pipe can carry."""

    def __init__(self, stream: Stream, start: Fraction, write: Write) -> None:
        self._shift = track_shift(stream, start)
        self._timed_text = stream.codec_context.name == "mov_text"
        self._object = _Object("matroska", write)
        output: Any = self._object.output
        self._stream: Any = (
            output.add_mux_stream("subrip", time_base=stream.time_base)
            if self._timed_text
            else output.add_stream_from_template(stream)
        )

    def add(self, packet: Packet[Any]) -> None:
        data = subrip(bytes(packet)) if self._timed_text else bytes(packet)
        if not data or packet.pts is None:
            return
        copy: Packet[Any] = Packet(data)
        copy.time_base, copy.duration = packet.time_base, packet.duration or 0
        copy.pts = copy.dts = packet.pts + self._shift
        copy.is_keyframe = True
        copy.stream = self._stream
        self._object.mux(copy)

    def close(self) -> None:
        self._object.close()
