"""How large a rendition's pictures are: pure arithmetic in exact fractions."""

from __future__ import annotations

from fractions import Fraction

from fallow.model import VideoTrack
from fallow.profiles import Profile

ASPECT_LIMIT = 4096
"""Streams have 16 bits for each of the two numbers of the sample aspect ratio, but x264 rounds larger ones than
these as soon as a zone is set, and only then: parts with and without guard frames would differ."""


def output_size(video: VideoTrack, profile: Profile) -> tuple[int, int, Fraction, bool]:
    """(width, height, sample aspect, whether pictures are scaled), after turning them upright."""
    width, height, aspect = _upright(video)
    shown = width * aspect
    zoom = _zoom(shown, height, profile)
    grid = _grid(profile.pixel_format)
    if zoom == 1:
        new = _down(Fraction(width), grid[0]), _down(Fraction(height), grid[1])
        if new == (width, height):
            return width, height, _storable(aspect), False
    else:
        box = _box(shown, height, profile)
        new = _fit(shown * zoom, grid[0], box[0]), _fit(height * zoom, grid[1], box[1])
    # Whatever rounding did to the size, pictures are shown with the aspect they had.
    return *new, _storable(shown / height * new[1] / new[0]), True


def _upright(video: VideoTrack) -> tuple[int, int, Fraction]:
    aspect = video.sample_aspect if video.sample_aspect > 0 else Fraction(1)
    if video.rotation % 180:
        return video.height, video.width, 1 / aspect
    return video.width, video.height, aspect


def _box(shown: Fraction, height: int, profile: Profile) -> tuple[int | None, int | None]:
    """The box to fit inside, turned as the pictures are: a portrait video may be as long as a landscape one."""
    if profile.width is None or profile.height is None:
        return profile.width, profile.height
    long, short = max(profile.width, profile.height), min(profile.width, profile.height)
    return (long, short) if shown >= height else (short, long)


def _zoom(shown: Fraction, height: int, profile: Profile) -> Fraction:
    wide, high = _box(shown, height, profile)
    zooms = [Fraction(wide) / shown] if wide else []
    zooms += [Fraction(high, height)] if high else []
    zoom = min(zooms, default=Fraction(1))
    return zoom if profile.upscale else min(zoom, Fraction(1))


def _grid(pixel_format: str) -> tuple[int, int]:
    """Of what the size must be a multiple, so that no chroma sample is cut in half."""
    if "444" in pixel_format:
        return 1, 1
    return (2, 1) if "422" in pixel_format else (2, 2)


def _down(size: Fraction, grid: int) -> int:
    return max(grid, size // grid * grid)


def _fit(size: Fraction, grid: int, limit: int | None) -> int:
    """The nearest size on the grid that is inside the box."""
    near = max(grid, (size / grid + Fraction(1, 2)) // 1 * grid)
    return near if limit is None else min(near, _down(Fraction(limit), grid))


def _storable(aspect: Fraction) -> Fraction:
    if aspect > 1:
        return 1 / (1 / aspect).limit_denominator(ASPECT_LIMIT)
    return max(aspect.limit_denominator(ASPECT_LIMIT), Fraction(1, ASPECT_LIMIT))
