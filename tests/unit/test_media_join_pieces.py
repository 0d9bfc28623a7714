"""What a join is made of: a head that is written last, the order of packets, the size of an index, templates."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joining import MASTERING, Collected

from fallow.media.moov import chunked, runs
from fallow.media.packet_order import DecodeLine, TooDeep, deepest, nearest, ranked
from fallow.media.reader import open_input
from fallow.media.sink import HeldHead
from fallow.media.templates import Picture, text_header, video_header
from fallow.model import Colour


def test_a_held_head_may_be_rewritten_and_the_body_may_not():
    sink = Collected()
    file = HeldHead(sink, 4)
    file.write(b"abcdef")
    file.seek(1)
    file.write(b"XY")
    file.seek(0, 2)
    file.write(b"gh")
    assert (file.head, bytes(sink.body), file.size) == (b"aXYd", b"efgh", 8)
    file.seek(3)
    with pytest.raises(OSError, match="outside"):
        file.write(b"zz")


@given(st.integers(0, 4), st.lists(st.integers(1, 50), min_size=1, max_size=40), st.randoms())
def test_ranks_and_decode_times_hold_for_any_reordering(depth, gaps, random):
    times = list(itertools.accumulate(gaps))
    order, window = [], []
    for place in range(len(times)):
        window.append(place)
        if len(window) > depth:
            # The earliest may wait for at most `depth` others.
            chosen = window[0] if order and len(order) - window[0] >= depth else random.choice(window)
            window.remove(chosen)
            order.append(chosen)
    order += window

    class Packet:
        def __init__(self, pts: int) -> None:
            self.pts = pts

    pts = [times[k] for k in order]
    assert deepest(pts) <= depth
    found = list(ranked([Packet(value) for value in pts], depth))
    assert [packet.pts for packet, _ in found] == pts
    assert [rank for _, rank in found] == order
    line = DecodeLine(times, depth)
    line.feed(times)
    dts = [line.next() for _ in times]
    assert all(a < b for a, b in itertools.pairwise(dts))
    assert all(d <= p for d, p in zip(dts, pts, strict=True))


def test_deeper_reordering_is_noticed():
    class Packet:
        def __init__(self, pts: int) -> None:
            self.pts = pts

    with pytest.raises(TooDeep):
        list(ranked([Packet(p) for p in (0, 4, 2, 1, 3)], 1))


def test_runs_count_changes_of_distance():
    assert runs([0, 1, 2, 4, 6, 7]) == 3
    assert runs([5]) == 0


def test_chunks_are_counted_as_samples_of_tracks_take_turns():
    assert chunked([[0, 1, 2, 10], [5, 11]]) == [(2, 2), (2, 1)]
    assert chunked([[0, 2, 4], [1, 3, 5]]) == [(3, 1), (3, 1)]
    assert chunked([[1, 2, 3]]) == [(1, 1)]


def test_nearest_places_are_distinct_and_leave_room():
    times = [0, 10, 20, 30, 40]
    assert nearest([0, 21, 39], Fraction(1), Fraction(0), times, 0, 5) == [0, 2, 4]
    assert nearest([100, 101, 102], Fraction(1), Fraction(0), times, 0, 5) == [2, 3, 4]
    assert nearest([-5, -4, -3], Fraction(1), Fraction(0), times, 1, 5) == [1, 2, 3]


def test_templates_are_what_they_say():
    with open_input(text_header()) as opened:
        assert opened.streams[0].codec_context.name == "mov_text"
    colour = Colour("pc", "bt2020", "arib-std-b67", "bt2020nc", MASTERING, "")
    with open_input(video_header(Picture("av1", 640, 360, colour))) as opened:
        context = opened.streams.video[0].codec_context
        assert (context.width, context.height, context.color_range, context.color_trc) == (640, 360, 2, 18)
