"""Which samples of an audio track are heard, from its packets alone: encoder delay and padding left out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from fallow.recipe import LEAD


@dataclass
class Edges:
    """The first and the last audible sample of one audio stream, learned packet by packet.

    Demuxers say in side data how many samples at the start (encoder delay) and at the end (padding) are not to be
    heard. No remuxed copy keeps that, but a range of time says the same. Positions are counted in samples as
    FFmpeg counts them: a container's coarse clock is only followed when it disagrees with the count.
    """

    time_base: Fraction
    rate: int
    frame_size: int  # samples of a frame as the codec has them, 0 when they vary
    shift: int  # ticks between the container's clock and track time
    packets: int = 0
    begin: int | None = None  # in samples of track time
    end: int = 0
    _skip: int = 0
    _next: int | None = None
    _padding: int = 0
    _length: int = 0

    def __post_init__(self) -> None:
        samples = self.time_base * self.rate  # of a tick
        self._up, self._down = samples.numerator, samples.denominator

    @classmethod
    def of(cls, stream: AudioStream, start: Fraction) -> Edges:
        context = stream.codec_context
        rate, size = context.sample_rate or 48000, context.frame_size or 0
        return cls(stream.time_base or Fraction(1, rate), rate, size, track_shift(stream, start))

    def add(self, packet: Packet[Any]) -> None:
        """Learn from the next packet of the stream."""
        self.packets += 1
        length = self._samples(packet.duration or 0)
        place = self._position(packet.pts if packet.pts is not None else packet.dts, length)
        start, padding = _skipped(packet)
        self._skip = max(self._skip, start)
        if not packet.is_discard and self.begin is None and (self._skip < length or not length):
            self.begin = place + self._skip
        self._skip = max(0, self._skip - length)
        if not packet.is_discard:
            self.end, self._padding, self._length = place + length - padding, padding, length

    def seconds(self) -> tuple[Fraction, Fraction]:
        """From when until when the track is heard, in seconds after the source's start."""
        # Without padding nothing may be cut off at the end: a packet's stated length can be too short.
        slack = 0 if self._padding else max(self._length, self.rate // 10)
        return Fraction(self.begin or 0, self.rate) - LEAD, Fraction(self.end + slack, self.rate) - LEAD

    def _samples(self, duration: int) -> int:
        """A packet's length in samples; a coarse clock's word is only a hint at the codec's frame size."""
        exact = _nearest(duration * self._up, self._down)
        near = max(self._up // self._down, 1)
        for size in (self.frame_size, 2 * self.frame_size):
            if size and abs(exact - size) <= near:
                return size
        return exact

    def _position(self, pts: int | None, length: int) -> int:
        """Where a packet's first sample is: av_rescale_delta's rule."""
        if pts is None:
            place = self._next or 0
        else:
            pts += self.shift
            place = _nearest(pts * self._up, self._down)
            if self._next is not None and self._up > self._down:
                low = (2 * pts - 1) * self._up // (2 * self._down)
                high = -((2 * pts + 1) * -self._up // (2 * self._down))
                if 2 * low - high <= self._next <= 2 * high - low:
                    place = min(max(self._next, low), high)
        self._next = place + length
        return place


def track_shift(stream: Stream, start: Fraction) -> int:
    """Ticks to add to a stream's times so that they become track time: LEAD seconds at the source's start."""
    return round((LEAD - start) / (stream.time_base or 1))


def _skipped(packet: Packet[Any]) -> tuple[int, int]:
    """Samples not to be heard at the packet's start and at its end."""
    data = bytes(packet.get_sidedata("skip_samples")) if packet.has_sidedata("skip_samples") else b""
    return struct.unpack("<2I", data[:8]) if len(data) >= 8 else (0, 0)


def _nearest(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
