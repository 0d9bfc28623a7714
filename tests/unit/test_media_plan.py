"""Indexes, cuts, packet choice and slots: pure, so tested on tables instead of files."""

from array import array
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallow.errors import BrokenPart
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.media.plan import Taper, cuts, select
from fallow.media.retime import slots

OPEN_GOP = (3, 1, 0, 2)  # display places of a mini GOP in decode order: P, B, b, b


def table(frames: int, gop: int, step: int = 40, start: int = 0) -> FrameIndex:
    """A stream of I B B B P mini GOPs whose key frames have leading pictures."""
    pts, flags = array("q", [start]), bytearray([SAFE | SHOWN])
    for base in range(1, frames, 4):
        for place in OPEN_GOP:
            if base + place < frames:
                key = (base + place) % gop == 0 and place == 3
                pts.append(start + (base + place) * step)
                flags.append(SHOWN | (SAFE if key else 0))
    return FrameIndex(Fraction(1, 1000), pts, bytes(flags), step, start)


def test_an_index_survives_storage() -> None:
    index = table(501, 100, start=-7)
    same = FrameIndex.from_bytes(index.to_bytes())
    assert same == index
    assert list(same.times()) == [40 * n for n in range(501)]
    assert len(index.to_bytes()) < 700


def test_a_stored_index_of_another_kind_is_refused() -> None:
    data = table(9, 4).to_bytes()
    for bad in (b"", b"FallowIndex0\n{}", data[:-3], data[:20]):
        with pytest.raises(BrokenPart):
            FrameIndex.from_bytes(bad)


def test_cuts_fall_on_entry_points_where_there_are_any() -> None:
    index = table(1001, 100)  # an entry point every 4 s
    found = cuts(index, 10, 20)
    assert found == [0, 300, 600, 1001]  # the last 4 s would be a chunk shorter than half the target


def test_a_chunk_may_be_a_little_shorter_rather_than_much_longer() -> None:
    assert cuts(table(1001, 200), 10, 20) == [0, 200, 400, 600, 800, 1001]


def test_cuts_fall_anywhere_when_entry_points_are_far() -> None:
    assert cuts(table(1001, 10**6), 10, 20)[:3] == [0, 250, 500]


def test_chunks_grow_with_their_run_up() -> None:
    index = table(90001, 10**6)  # an hour with a single entry point
    found = cuts(index, 10, 20)
    shipped = sum(len(select(index, lo, hi)) for lo, hi in pairwise(found))
    assert shipped < 6 * 90001


def test_chunks_become_shorter_towards_the_end() -> None:
    found = cuts(table(2001, 4), 10, 20, taper=Taper(1 / 6, 2.5))
    *most, (_, hi) = pairwise(found)
    assert hi == 2001
    for lo, hi in most:
        assert abs(hi - lo - min(250, max(62.5, (2001 - lo) / 6))) <= 2  # entry points are 4 frames apart


def test_shorter_chunks_are_cut_anywhere_when_entry_points_are_far() -> None:
    found = cuts(table(1001, 10**6), 10, 20, taper=Taper(1 / 4, 2.5))
    assert found[:4] == [0, 250, 438, 579]
    assert found[4] - 579 == 145  # a quarter of its run-up, which is more


def test_shorter_chunks_end_at_entry_points_that_are_near() -> None:
    found = cuts(table(1001, 20), 10, 20, taper=Taper(1 / 4, 2.5))
    assert all(cut % 20 == 0 for cut in found[:-1])
    assert found[1] == 260
    assert found[-2] > 860


def test_what_is_begun_stays_and_only_the_rest_is_tapered() -> None:
    found = cuts(table(1001, 100), 10, 20, (0, 333, 666), Taper(1 / 4, 1))
    assert found[:3] == [0, 333, 666]
    assert found[3] == 800  # the nearest entry point to the 3.35 s that are wanted


def test_shorter_chunks_of_streams_are_whole_segments() -> None:
    taper = Taper(1 / 4, 2.5, step=4)
    assert [taper.length(12, left) for left in (100, 48, 40, 30, 10, 1)] == [12, 12, 8, 4, 4, 4]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_source_of_few_frames_is_one_chunk(frames: int) -> None:
    index = table(frames, 4)
    assert cuts(index, 10, 20) == [0, frames]
    assert sorted(select(index, 0, frames)) == list(range(frames))


def test_a_chunk_holds_the_next_key_and_its_leading_pictures_but_not_its_own() -> None:
    index = table(101, 20)
    rows = select(index, 20, 40)
    times = [index.row_pts[row] for row in rows]
    assert times[0] == 20 * 40
    assert min(times) == 20 * 40  # the first key's leading pictures are left out
    assert max(times) == 40 * 40  # the next key is needed by frames 37 to 39


@settings(max_examples=200, deadline=None)
@given(
    gop=st.integers(1, 40),
    gaps=st.lists(st.integers(1, 90), min_size=2, max_size=120),
    target=st.floats(0.1, 3),
    extra=st.floats(0, 3),
    share=st.floats(0.01, 1),
)
def test_every_frame_is_in_one_chunk_with_all_it_needs(
    gop: int, gaps: list[int], target: float, extra: float, share: float
) -> None:
    plain = table(len(gaps), 4 * gop)
    times = [sum(gaps[:n]) for n in range(len(gaps))]
    places = [p // 40 for p in plain.row_pts]
    index = FrameIndex(Fraction(1, 1000), array("q", [times[p] for p in places]), plain.row_flags, gaps[-1], 0)
    found = cuts(index, target, target + extra, taper=Taper(share, 0.05))
    assert found[0] == 0
    assert found[-1] == len(times)
    assert found == sorted(set(found))
    for lo, hi in pairwise(found):
        rows = select(index, lo, hi)
        shown = {index.row_pts[row] for row in rows}
        assert rows == sorted(rows)
        assert index.row_flags[rows[0]] & SAFE
        assert shown.issuperset(times[lo:hi])


def test_edges_separate_frames_even_a_tick_apart() -> None:
    index = FrameIndex(Fraction(1001, 30000), array("q", range(90)), bytes([3]) * 90, 1, 0)
    for frame in range(1, 90):
        edge = round(index.edge(frame) * 10**6)  # FFmpeg keeps microseconds, then rounds to the nearest tick
        ticks = round(Fraction(edge, 10**6) / index.time_base)
        assert ticks == index.chunk_ticks(index.pts[frame])


def test_slots_are_rounded_half_away_from_zero() -> None:
    index = FrameIndex(Fraction(1, 50), array("q", range(6)), bytes([3]) * 6, 1, 0)
    assert slots(index, Fraction(25)) == ([0, 1, 1, 2, 2, 3], 3)


def test_slots_follow_the_times_that_the_source_states() -> None:
    pts = array("q", [0, 1, 2])
    moved = FrameIndex(Fraction(1, 2), pts, bytes([3]) * 3, 1, 0, stated_pts=array("q", [0, 0, 2]))
    assert slots(moved, Fraction(2))[0] == [0, 0, 2]
