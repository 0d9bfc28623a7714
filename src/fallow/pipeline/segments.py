"""Where the segments of streams begin: at the same moments in all renditions. Pure."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from fallow.media.frames import FrameIndex
from fallow.model import Chunk
from fallow.pipeline.recipes import Timeline
from fallow.recipe import VideoRecipe

_OVER = Fraction(26, 25)  # of its length that a segment may have before it is cut into more
_NEAR = 8  # frames that a cut may be moved by, to where all renditions show a frame at the same time

STEADY = ("libsvtav1",)
"""Encoders that make a key frame at a fixed distance alone, unless FFmpeg is new."""


def segment_starts(
    index: FrameIndex, chunk: Chunk, lines: Sequence[Timeline], seconds: float
) -> list[tuple[int, ...]]:
    """For each rendition's line: the places in its part of the chunk where segments begin, the first included."""
    cuts = _moved(chunk, _cuts(index, chunk, Fraction(seconds)), lines)
    rows = [[_place(line, cut) for cut in cuts] for line in lines]
    # Where frames are left out, two cuts may be one: then there is one segment less, in all renditions.
    kept = [n for n in range(len(cuts)) if n == 0 or all(row[n] > row[n - 1] for row in rows)]
    return [tuple(row[n] for n in kept) for row in rows]


def with_segments(recipe: VideoRecipe, starts: Sequence[int]) -> VideoRecipe:
    """The recipe with a key frame at the beginning of each segment."""
    bounds = [start - starts[0] for start in starts] + [recipe.frames]
    lengths = [after - before for before, after in itertools.pairwise(bounds)]
    encoder, longest = recipe.encoder, max(lengths)
    if encoder.codec in STEADY:
        distance = longest
    else:  # no longer than wished; and not a short one after each long one
        distance = -(-longest // -(-longest // encoder.keyframes))
    return dataclasses.replace(
        recipe, keys=tuple(bounds[1:-1]), encoder=dataclasses.replace(encoder, keyframes=distance)
    )


def _cuts(index: FrameIndex, chunk: Chunk, seconds: Fraction) -> list[int]:
    """Source frames: equal numbers of them, if that makes no segment too long, else equal times."""
    begin, end = _time(index, chunk.lo), _time(index, chunk.hi)
    most = seconds * _OVER / index.time_base
    count = max(1, math.ceil((end - begin) / most))
    length = -(-chunk.frames // count)
    even = list(range(chunk.lo, chunk.hi, length))
    bounds = [*even, chunk.hi]
    if all(_time(index, b) - _time(index, a) <= most for a, b in itertools.pairwise(bounds)):
        return even
    wanted = [begin + Fraction((end - begin) * n, count) for n in range(count)]
    pts = index.pts
    found = [bisect.bisect_left(pts, pts[0] + time, chunk.lo, chunk.hi - 1) for time in wanted]
    return sorted({chunk.lo, *found})


def _time(index: FrameIndex, frame: int) -> int:
    """Ticks from the first frame; past the last: to its end."""
    if frame < len(index.pts):
        return index.pts[frame] - index.pts[0]
    return index.pts[-1] + index.last_duration - index.pts[0]


def _moved(chunk: Chunk, cuts: Sequence[int], lines: Sequence[Timeline]) -> list[int]:
    """Each cut but the first at the frame nearby whose times in all renditions differ least."""
    if all(line.places is None for line in lines):
        return list(cuts)
    found = [chunk.lo]
    gaps = [after - before for before, after in itertools.pairwise([*cuts, chunk.hi])]
    reach = min(_NEAR, (min(gaps) - 1) // 2)
    for cut in cuts[1:]:
        near = range(cut - reach, cut + reach + 1)
        found.append(min(near, key=lambda frame: (_spread(frame, lines), abs(frame - cut))))
    return found


def _spread(frame: int, lines: Sequence[Timeline]) -> Fraction:
    """Seconds between the earliest and the latest time that renditions show a source frame, to the millisecond."""
    times = [line.times[_place(line, frame)] * line.time_base for line in lines]
    return Fraction(round((max(times) - min(times)) * 1000), 1000)


def _place(line: Timeline, frame: int) -> int:
    return frame if line.places is None else line.places[frame] - line.times[0]
