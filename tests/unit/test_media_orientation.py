"""Display matrices, and times that a container tells wrongly."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from fallow.media.guess_times import guessed
from fallow.media.orientation import Turn, turn_of


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    return struct.pack("=9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (matrix(1, 0, 0, 1), Turn()),
        (matrix(0, 1, -1, 0), Turn(90)),
        (matrix(-1, 0, 0, -1), Turn(180)),
        (matrix(0, -1, 1, 0), Turn(270)),
        (matrix(-1, 0, 0, 1), Turn(0, mirrored=True)),
        (matrix(1, 0, 0, -1), Turn(180, mirrored=True)),
        (matrix(0, 1, 1, 0), Turn(270, mirrored=True)),
        (matrix(0, -1, -1, 0), Turn(90, mirrored=True)),
        (matrix(5, 5, -5, 5), Turn(0, odd=45)),
        (matrix(0, 0, 0, 0), Turn()),
        (b"", Turn()),
    ],
)
def test_a_matrix_is_mirroring_then_a_quarter_turn(given: bytes, wanted: Turn) -> None:
    assert turn_of(given) == wanted


def test_good_display_times_are_believed() -> None:
    assert guessed([(0, 1), (2, 4), (4, 4), (6, None)], 0, Fraction(2)) == [0, 2, 4, 6]


def test_display_times_that_go_back_are_replaced_by_decode_times() -> None:
    # The third picture has the time of the second: from then on FFmpeg believes the other clock.
    stamps = [(10, 8), (20, 20), (20, 30), (40, 40)]
    assert guessed(stamps, 0, Fraction(10)) == [10, 20, 30, 40]
    # With the last ones no packet comes out any more.
    assert guessed([*stamps, (60, None)], 0, Fraction(10)) == [10, 20, 30, 40, 60]


def test_pictures_without_any_time_follow_each_other() -> None:
    assert guessed([(None, None)] * 4, 100, Fraction(10, 3)) == [100, 103, 107, 110]
