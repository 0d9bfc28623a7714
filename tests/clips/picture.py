"""Pictures that carry their own number as a row of black and white blocks, over a moving texture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BLOCKS = 16
STRIP = 2 / 9  # of the height, at the top
_DARK, _LIGHT = 45, 205

Plane = NDArray[np.uint8]


def code(index: int) -> tuple[int, ...]:
    """The blocks of one number, 1 for white: ten bits and six that check them, never all alike."""
    word = (index & 1023) << 6 | ((index & 1023) * 37 + 11) % 64
    return tuple(word >> (BLOCKS - 1 - bit) & 1 for bit in range(BLOCKS))


_NUMBERS = {code(index): index for index in range(1024)}


def read_code(strip: Plane) -> int | None:
    """The number in a picture's top strip of any size; None when it cannot be read."""
    height, width = strip.shape
    edges = np.linspace(0, width, BLOCKS + 1)
    middle = strip[height // 4 : max(height // 4 + 1, height - height // 4)]
    means = []
    for left, right in pairwise(edges):
        margin = (right - left) / 4
        means.append(middle[:, int(left + margin) : max(int(left + margin) + 1, int(right - margin))].mean())
    low, high = min(means), max(means)
    if high - low < 30:
        return None
    return _NUMBERS.get(tuple(int(mean > (low + high) / 2) for mean in means))


def frames(width: int, height: int, count: int, still: bool = False) -> Iterator[bytes]:
    """Raw yuv420p pictures numbered from 0; when `still`, all show number 0."""
    noise = _noise(width * 2, height * 2)
    for number in range(count):
        yield frame(width, height, 0 if still else number, noise)


def frame(width: int, height: int, number: int, noise: Plane) -> bytes:
    across, down = 3 * number % width, 2 * number % height
    luma = noise[down : down + height, across : across + width].copy()
    size = max(16, height // 6)
    left, top = 5 * number % max(1, width - size), height // 2 + 7 * number % max(1, height // 2 - size)
    luma[top : top + size, left : left + size] = 225 - (number * 11) % 120
    strip = round(height * STRIP)
    edges = np.linspace(0, width, BLOCKS + 1).round().astype(int)
    for bit, (begin, end) in zip(code(number), pairwise(edges), strict=True):
        luma[:strip, begin:end] = _LIGHT if bit else _DARK
    half = ((height + 1) // 2, (width + 1) // 2)
    blue = np.full(half, 118 + number % 20, np.uint8)
    red = np.full(half, 138 - number % 17, np.uint8)
    blue[: (strip + 1) // 2], red[: (strip + 1) // 2] = 128, 128
    return luma.tobytes() + blue.tobytes() + red.tobytes()


def _noise(width: int, height: int) -> Plane:
    """Soft clouds: hard to predict, easy to compress."""
    rough = np.random.default_rng(7).integers(70, 186, (height // 8 + 2, width // 8 + 2)).astype(np.float32)
    rows = np.linspace(0, rough.shape[0] - 1.001, height)
    columns = np.linspace(0, rough.shape[1] - 1.001, width)
    above, before = rows.astype(int), columns.astype(int)
    down, right = (rows - above)[:, None], (columns - before)[None, :]
    top = rough[above][:, before] * (1 - right) + rough[above][:, before + 1] * right
    bottom = rough[above + 1][:, before] * (1 - right) + rough[above + 1][:, before + 1] * right
    return (top * (1 - down) + bottom * down).astype(np.uint8)
