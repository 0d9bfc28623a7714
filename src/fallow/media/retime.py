"""The output frames of a change of frame rate, exactly as FFmpeg's fps filter gives them in one process."""

from __future__ import annotations

from fractions import Fraction

from fallow.media.frames import FrameIndex


def slots(index: FrameIndex, rate: Fraction) -> tuple[list[int], int]:
    """The output slot of each display frame at `rate` frames per second, and the slot after the last.

    Of several frames in one slot the last is shown; a slot without one repeats the frame before it.
    """
    scale = index.time_base * rate
    numerator, denominator = scale.numerator, scale.denominator
    start = index.start_ticks
    result = [_nearest((pts - start) * numerator, denominator) for pts in index.stated_pts or index.pts]
    end = _nearest((index.pts[-1] + index.last_duration - start) * numerator, denominator)
    return result, max(end, result[-1])


def _nearest(numerator: int, denominator: int) -> int:
    """The nearest integer to a fraction, halves away from zero: FFmpeg's AV_ROUND_NEAR_INF."""
    if numerator < 0:
        return -_nearest(-numerator, denominator)
    return (2 * numerator + denominator) // (2 * denominator)
