"""Cut sound into sections that are encoded by themselves, and joined are what one encode of the track is.

An encoder makes a packet of every FRAME samples, and one more before them, with which the first overlaps. So the
packets of a track have numbers and times that do not depend on who encodes them: a section is a run of numbers.
What it is encoded from begins some frames earlier and ends some later, until decoder and encoder are as they would
be in the midst of the whole track.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet

from fallow.errors import BadInput
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.scan import audio_streams, wanted_streams
from fallow.media.sound import SampleClock
from fallow.media.tracks import SoundObject
from fallow.model import Source
from fallow.recipe import LEAD

FRAME = 1024
"""Samples of AAC in a packet."""

BEFORE = 64
"""Frames encoded before a section and dropped: as many as it takes to sound like the whole (decision 0027)."""

AFTER = 4
"""Frames encoded after a section and dropped; an encoder of AAC looks ahead by one or two."""

RUN_UP = Fraction(1, 2)  # seconds that are decoded, and not encoded, before all that
SPARE = Fraction(1)  # seconds of sound that a section but the last must have after its end
_LONGEST = 4  # times the first section that others may last


@dataclass(frozen=True)
class Stretch:
    """A section: its number, and the packets [first, end) of the encoded track that it is to become."""

    section: int
    first: int
    end: int | None  # None: all that are left

    @property
    def before(self) -> int:
        """Packets that are made before its own, and dropped."""
        return min(BEFORE, self.first)

    @property
    def after(self) -> int:
        """Where the frames end that are encoded; as a packet's number."""
        return (self.end or 0) + AFTER

    def begins(self, rate: int) -> Fraction:
        """The second at which its own packets begin."""
        return Fraction((self.first - 1) * FRAME, rate)

    def origin(self, rate: int) -> int:
        """The sample of track time at which its encoder begins."""
        return _sample(self.first - self.before + 1, rate)

    def needs(self, rate: int) -> tuple[int, int | None]:
        """The samples of track time that it is encoded from."""
        first = self.origin(rate) - int(RUN_UP * rate) if self.first else -1 << 62
        return first, None if self.end is None else _sample(self.after, rate)


def stretches(rate: int, segment: Fraction, first: int, end: Fraction) -> list[Stretch]:
    """The sections of a track that is heard until some second, by where its segments begin: the first has so many
    of them, and each of the others is as long as all before it, up to four times the first.

    More of a source only adds to them: all but the last stay what they are.
    """
    places, begin, length = [0], 0, first
    while (begin + length) * segment + SPARE <= end:
        begin += length
        places.append(_packet(begin * segment, rate))
        length = min(begin, _LONGEST * first)
    ends: list[int | None] = [*places[1:], None]
    return [Stretch(number, *pair) for number, pair in enumerate(zip(places, ends, strict=True))]


def _packet(seconds: Fraction, rate: int) -> int:
    """The first packet that is not heard before this time."""
    return -int(-seconds * rate // FRAME) + 1


def _sample(packet: int, rate: int) -> int:
    """The sample of track time at which a packet begins."""
    return int(LEAD * rate) + (packet - 1) * FRAME


def cut_sections(
    reader: RangedReader, source: Source, wanted: Mapping[int, Sequence[Stretch]]
) -> Iterator[tuple[int, Stretch, bytes]]:
    """The sections of each track (by its place among the audio streams) with their objects' bytes, in one pass,
    each as soon as it is complete. Raises BadInput where the source ends too early."""
    with open_input(reader) as container:
        streams = wanted_streams(container, best_video(container, reader.name))
        audio = audio_streams(container)
        cutters = {
            audio[index].index: _Cutter(index, audio[index], source.start, of) for index, of in wanted.items()
        }
        for packet in packets(container, streams):
            if cutter := cutters.get(packet.stream_index):
                yield from cutter.add(packet)
        for cutter in cutters.values():
            yield from cutter.finish()


class _Cutter:
    """Cuts one track."""

    def __init__(self, index: int, stream: AudioStream, start: Fraction, wanted: Sequence[Stretch]) -> None:
        self._index, self._stream = index, stream
        self._clock = SampleClock.of(stream, start)
        self._next: int | None = None
        self._coming = list(reversed(wanted))
        self._open: list[tuple[Stretch, int | None, SoundObject, bytearray]] = []

    def add(self, packet: Packet[Any]) -> Iterator[tuple[int, Stretch, bytes]]:
        """Gives the sections that end before this packet."""
        stated, length = self._clock.place(packet)
        # FFmpeg counts samples from the first one on, too, as long as the track's clock is not far off.
        position = stated if self._next is None else self._next
        self._next = position + length
        while self._coming and self._needs(self._coming[-1])[0] < position + length:
            self._begin(self._coming.pop())
        while self._open and (end := self._open[0][1]) is not None and end <= position:
            yield self._end()
        for _, _, item, _ in self._open:
            item.add(packet, position, length)

    def finish(self) -> Iterator[tuple[int, Stretch, bytes]]:
        """Gives the last section."""
        while self._open and self._open[0][1] is None:
            yield self._end()
        if self._open or self._coming:
            raise BadInput(
                "The sound of the source changed while it was split, or cannot be read to its end any more."
            )

    def _needs(self, stretch: Stretch) -> tuple[int, int | None]:
        return stretch.needs(self._clock.rate)

    def _begin(self, stretch: Stretch) -> None:
        made = bytearray()
        item = SoundObject(self._stream, self._clock.rate, made.extend)
        self._open.append((stretch, self._needs(stretch)[1], item, made))

    def _end(self) -> tuple[int, Stretch, bytes]:
        stretch, _, item, made = self._open.pop(0)
        item.close()
        return self._index, stretch, bytes(made)
