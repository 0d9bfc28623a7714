"""Which samples of an audio track are heard, from its packets alone: encoder delay and padding left out."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from fallow.recipe import LEAD

# Seconds by which clocks may differ from the count of samples: FFmpeg goes by the count up to five times that.
_ROUGHLY = Fraction(1, 50)
_TAIL = 8  # packets decoded to learn how many samples the last one holds

# NUT carries these with all that their decoders need. Everything else is shipped as samples.
_CARRIED = {
    "aac",
    "mp1",
    "mp2",
    "mp3",
    "ac3",
    "eac3",
    "dts",
    "opus",
    "vorbis",
    "flac",
    "wavpack",
    "amr_nb",
    "amr_wb",
}
_CARRIED |= {"adpcm_ms", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_f32le", "pcm_f32be"}
_CARRIED |= {f"pcm_s{bits}{order}" for bits in (16, 24, 32) for order in ("le", "be")}

_ONE_SIZE = ("aac", "mp3", "ac3", "eac3")  # codecs whose frames are all of one size, known to the demuxer


# Decoders of these give the same samples wherever they begin, after half a second at most.
_SETTLING = {"aac", "mp2", "ac3", "eac3", "flac"} | {name for name in _CARRIED if name[:4] == "pcm_"}


def settles(stream: AudioStream) -> bool:
    """Whether a stream that is decoded from the midst of it sounds as it does decoded from its beginning."""
    context = stream.codec_context
    # What lies upon plain AAC (SBR, parametric stereo) has a longer memory, and another rate than the packets say.
    plain = context.codec.canonical_name != "aac" or context.profile == "LC"
    return plain and context.codec.canonical_name in _SETTLING


def carried(stream: AudioStream) -> bool:
    """Whether a stream is shipped as packets; otherwise as samples."""
    return stream.codec_context.codec.canonical_name in _CARRIED


def track_shift(stream: Stream, start: Fraction) -> int:
    """Ticks to add to a stream's times so that they become track time: LEAD seconds at the source's start."""
    return round((LEAD - start) / (stream.time_base or 1))


@dataclass
class SampleClock:
    """Places packets on a line of samples, in track time, as FFmpeg places what it decodes: a container's coarse
    clock is only followed when it disagrees with the count (av_rescale_delta)."""

    time_base: Fraction
    rate: int
    frame_size: int  # samples of a frame as the codec has them, 0 when they vary
    shift: int  # ticks between the container's clock and track time
    _next: int | None = None

    def __post_init__(self) -> None:
        samples = self.time_base * self.rate  # of a tick
        self._up, self._down = samples.numerator, samples.denominator

    @classmethod
    def of(cls, stream: AudioStream, start: Fraction) -> SampleClock:
        context = stream.codec_context
        rate, size = context.sample_rate or 48000, context.frame_size or 0
        return cls(stream.time_base or Fraction(1, rate), rate, size, track_shift(stream, start))

    def place(self, packet: Packet[Any]) -> tuple[int, int]:
        """The position of a packet's first sample, and how many samples it holds."""
        length = self._length(packet.duration or 0)
        pts = packet.pts if packet.pts is not None else packet.dts
        position = (self._next or 0) if pts is None else self.position(pts)
        self._next = position + length
        return position, length

    def position(self, ticks: int) -> int:
        """The sample at a time of the container's clock."""
        ticks += self.shift
        nearest = (2 * ticks * self._up + self._down) // (2 * self._down)
        if self._next is None or self._up <= self._down:
            return nearest
        low = (2 * ticks - 1) * self._up // (2 * self._down)
        high = -((2 * ticks + 1) * -self._up // (2 * self._down))
        if not 2 * low - high <= self._next <= 2 * high - low:
            return nearest
        return min(max(self._next, low), high)

    def _length(self, duration: int) -> int:
        """A packet's length in samples; a coarse clock's word is only a hint at the codec's frame size."""
        exact = (2 * duration * self._up + self._down) // (2 * self._down)
        near = max(self._up // self._down, 1)
        for size in (self.frame_size, 2 * self.frame_size):
            if size and abs(exact - size) <= near:
                return size
        return exact


@dataclass
class Edges:
    """The first and the last audible sample of one audio stream, learned packet by packet.

    Demuxers say in side data how many samples at the start (encoder delay) and at the end (padding) are not to be
    heard. No remuxed copy keeps that, but a range of time says the same.
    """

    clock: SampleClock
    packets: int = 0
    steady: bool = True  # packets begin where the ones before them end, up to _ROUGHLY, and none was found damaged
    end: int | None = None  # sample at which the last packet ends, counted from the first one on
    _odd: bool = False  # the last packet is of another length than all: a hole or a new rate, if others follow
    _begin: int | None = None  # in samples of track time
    _last: int = 0  # position of the last audible packet
    _skip: int = 0  # samples yet to be passed over at the start
    _delayed: bool = False  # the container knows of encoder delay
    _padding: int = 0  # of the last packet
    _hidden: bool = False  # packets after the last audible one are not to be heard
    _tail: deque[Packet[Any]] = field(default_factory=lambda: deque(maxlen=_TAIL))

    def add(self, packet: Packet[Any]) -> None:
        """Learn from the next packet of the stream."""
        self.packets += 1
        position, length = self.clock.place(packet)
        counted = position if self.end is None else self.end
        rough = abs(position - counted) > _ROUGHLY * self.clock.rate
        self.steady &= length > 0 and not packet.is_corrupt and not rough and not self._odd
        self._odd = length != (self.clock.frame_size or length)
        self.end = counted + length
        start, padding = _skipped(packet)
        self._delayed |= start > 0
        self._skip = max(self._skip, start)
        if self._begin is None and not packet.is_discard and (self._skip < length or not length):
            self._begin = position + self._skip
        self._skip = max(0, self._skip - length)
        self.steady &= not (packet.is_discard and self._tail)
        self._hidden = packet.is_discard
        if not packet.is_discard:
            self._last, self._padding = position, padding
            self._tail.append(packet)

    @property
    def begin(self) -> Fraction:
        """From when the track is heard, in seconds after the source's start."""
        return Fraction(self._begin or 0, self.clock.rate) - LEAD

    def seconds(self, stream: AudioStream) -> tuple[Fraction, Fraction]:
        """From when until when the track is heard, in seconds after the source's start."""
        length = _decoded_length(stream, list(self._tail))
        end = self._last + length
        padding = self._padding or self._beyond_edit(stream, end, length)
        if carried(stream) and (padding or self._hidden):
            end -= padding
        else:
            end += self.clock.rate // 10  # nothing may be cut off: better a little late than a sample short
        return self.begin, max(self.begin, Fraction(end, self.clock.rate) - LEAD)

    def _beyond_edit(self, stream: AudioStream, end: int, length: int) -> int:
        """Samples of the last packet, which ends at `end`, that an MP4 does not count: an encoder's padding.

        As FFmpeg does since 9.0: where the last packet lasts less than a frame or the edit list ends within it,
        but neither in fragmented files nor after an empty edit.
        """
        plain = stream.container.format.name.startswith("mov") and stream.frames and not stream.start_time
        codec = stream.codec_context.codec.canonical_name
        if not plain or stream.duration is None or codec not in _ONE_SIZE or not self._tail:
            return 0
        stated = round((self._tail[-1].duration or 0) * self.clock.time_base * self.clock.rate)
        edit = self.clock.position(stream.duration) if self._delayed else end
        return max(0, length - stated if stated else 0, end - edit)


def _skipped(packet: Packet[Any]) -> tuple[int, int]:
    """Samples not to be heard at the packet's start and at its end."""
    data = bytes(packet.get_sidedata("skip_samples")) if packet.has_sidedata("skip_samples") else b""
    return struct.unpack("<2I", data[:8]) if len(data) >= 8 else (0, 0)


def _decoded_length(stream: AudioStream, packets: list[Packet[Any]]) -> int:
    """How many samples the last of some consecutive packets holds."""
    samples = 0
    for number, packet in enumerate([*packets, None], 1):
        try:
            frames = stream.codec_context.decode(Packet(bytes(packet)) if packet is not None else None)
        except av.error.FFmpegError:
            continue
        samples += sum(frame.samples for frame in frames) if number >= len(packets) else 0
    return samples
