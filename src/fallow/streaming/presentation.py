"""What playlists and manifests tell of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fallow.streaming import bit_rates
from fallow.streaming.listing import Ended, Listed


@dataclass(frozen=True)
class Variant:
    """A rendition, and the tracks of sound that belong to it."""

    video: Listed
    sound: tuple[Listed, ...]
    cap: int  # bit/s that its pictures are kept under; 0: unknown

    @property
    def group(self) -> tuple[str, ...]:
        """Variants with the same sound share it."""
        return tuple(stream.facts.name for stream in self.sound)


@dataclass(frozen=True)
class Presentation:
    """All streams of a result."""

    variants: Sequence[Variant]
    sound: Sequence[Listed]
    text: Sequence[Listed]
    target: int  # seconds: no segment is longer, rounded
    ended: Ended

    @property
    def seconds(self) -> Fraction:
        """As far as all renditions go."""
        return min(variant.video.seconds for variant in self.variants)

    def peak(self, variant: Variant) -> int:
        """Bits a second that its pictures may take for a while: until all of them are there, what was promised."""
        measured = bit_rates.peak(variant.video, self.target)
        return measured if self.ended is Ended.DONE else max(measured, variant.cap)

    def bandwidth(self, variant: Variant) -> int:
        """Of its pictures and the most of its sound."""
        return self.peak(variant) + max((bit_rates.peak(s, self.target) for s in variant.sound), default=0)

    def average(self, variant: Variant) -> int:
        sound = max((bit_rates.average(stream) for stream in variant.sound), default=0)
        return bit_rates.average(variant.video) + sound
