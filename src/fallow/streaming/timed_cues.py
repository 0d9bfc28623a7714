"""Subtitles as samples of an MP4 (ISO/IEC 14496-30): what is shown changes from one to the next."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from fallow.streaming.fragments import Sample, box

ENTRY = box("wvtt", struct.pack(">6xH", 1) + box("vttC", b"WEBVTT"))
"""The sample entry."""

_NOTHING = box("vtte", b"")


@dataclass(frozen=True)
class Cue:
    """A text, and from when until when it is shown, in ticks."""

    begin: int
    end: int
    text: bytes


def samples(cues: Sequence[Cue], begin: int, end: int) -> list[Sample]:
    """Samples that fill a stretch of time; cues that reach over its ends are cut."""
    edges = {begin, end, *(tick for cue in cues for tick in (cue.begin, cue.end) if begin < tick < end)}
    found = []
    for now, after in itertools.pairwise(sorted(edges)):
        shown = [box("vttc", box("payl", cue.text)) for cue in cues if cue.begin <= now < cue.end]
        found.append(Sample(b"".join(shown) or _NOTHING, after - now))
    return found
