"""Segments begin at the same moments in all renditions, and encoders are told to begin anew there."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from fractions import Fraction

import pytest

from fallow.errors import BadSetting
from fallow.ffmpeg.commands import arguments
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.model import AudioTrack, Chunk, Source, VideoTrack
from fallow.pipeline.job_options import Options
from fallow.pipeline.recipes import Timeline, audio_recipes, timeline, video_recipe
from fallow.pipeline.segments import segment_starts, with_segments
from fallow.profiles import Profile


def index(pts: Sequence[int], time_base: Fraction) -> FrameIndex:
    return FrameIndex(time_base, array("q", pts), bytes([SAFE | SHOWN]) * len(pts), pts[1] - pts[0], 0)


def source(rate: Fraction, frames: int, time_base: Fraction) -> Source:
    track = VideoTrack("h264", 1280, 720, Fraction(1), 0, "yuv420p", 8, time_base, rate, frames, interlaced=False)
    return Source(
        "mov", 1, Fraction(0), frames / rate, track, (AudioTrack(0, "aac", 2, 44100, Fraction(2), Fraction(9)),)
    )


def chunk(lo: int, hi: int) -> Chunk:
    return Chunk("job", 0, "key", "mpegts", lo, hi, 12, 0, 1, "")


def line(frames: FrameIndex, rate: Fraction, **more: object) -> Timeline:
    return timeline(frames, Profile("p", **more), source(rate, len(frames.pts), frames.time_base))  # type: ignore[arg-type]


def moments(of: Timeline, starts: Sequence[int]) -> list[Fraction]:
    return [of.times[start] * of.time_base for start in starts]


@pytest.mark.parametrize(
    ("frames", "seconds", "starts"),
    [
        (360, 4, [0, 120, 240]),  # 12.012 s: three segments, though each is 4 ms too long
        (375, 4, [0, 94, 188, 282]),  # 12.5 s
        (100, 4, [0]),
        (130, 4, [0, 65]),
    ],
)
def test_segments_have_equal_numbers_of_frames(frames, seconds, starts):
    found = index([1001 * n for n in range(1000)], Fraction(1, 30000))
    rate = Fraction(30000, 1001)
    assert segment_starts(found, chunk(0, frames), [line(found, rate)], seconds) == [tuple(starts)]
    later = segment_starts(found, chunk(500, 500 + frames), [line(found, rate)], seconds)
    assert later == [tuple(500 + start for start in starts)]


def test_of_a_variable_rate_no_segment_is_too_long():
    pts = [*range(0, 2000, 40), *range(2000, 12000, 500)]  # 25 frames a second, then 2
    found = index(pts, Fraction(1, 1000))
    (starts,) = segment_starts(found, chunk(0, len(pts)), [line(found, Fraction(6))], 4)
    bounds = [*(pts[start] for start in starts), 12040]
    assert len(starts) == 3
    assert all(after - before <= 4500 for before, after in itertools.pairwise(bounds))


@pytest.mark.parametrize(("rate", "most"), [(Fraction(50), 25), (Fraction(60), 30), (Fraction(60000, 1001), 30)])
def test_renditions_of_another_rate_begin_their_segments_at_the_same_time(rate, most):
    found = index(range(1, 2000), 1 / rate)
    lines = [line(found, rate), line(found, rate, max_fps=Fraction(most))]
    assert lines[1].rate == rate / 2
    for lo, hi in ((0, 613), (613, 1301), (1301, 1999)):
        full, half = segment_starts(found, chunk(lo, hi), lines, 4)
        assert moments(lines[0], full[1:]) == moments(lines[1], half[1:])
        assert abs(moments(lines[0], full[:1])[0] - moments(lines[1], half[:1])[0]) <= 1 / rate


def test_a_recipe_forces_key_frames_where_segments_begin():
    found = index([512 * n for n in range(500)], Fraction(1, 12800))
    of, piece = source(Fraction(25), 500, found.time_base), chunk(100, 400)
    for codec, distance, forced in (
        ("libx264", 100, "expr:eq(n,100)+eq(n,200)+eq(n,300)"),  # the last is the guard's
        ("libsvtav1", 100, "expr:eq(n,100)+eq(n,200)"),
        ("libvpx-vp9", 100, "expr:eq(n,100)+eq(n,200)"),
    ):
        profile = Profile("p", codec=codec)
        (starts,) = segment_starts(found, piece, [line(found, Fraction(25))], 4)
        recipe = video_recipe(of, found, piece, profile, timeline(found, profile, of))
        command = arguments(with_segments(recipe, starts), 1)
        assert command[command.index("-force_key_frames:v") + 1] == forced
        assert command[command.index("-g:v") + 1] == str(distance)
        assert command.count("-force_key_frames:v") == 1


def test_a_wished_distance_of_key_frames_is_kept_within_segments():
    found = index([512 * n for n in range(500)], Fraction(1, 12800))
    of, piece = source(Fraction(25), 500, found.time_base), chunk(0, 300)
    profile = Profile("p", gop_seconds=2.0)
    recipe = video_recipe(of, found, piece, profile, timeline(found, profile, of))
    assert with_segments(recipe, (0, 150)).encoder.keyframes == 50  # 75 and 75 would be longer than wished
    assert with_segments(recipe, (0, 100, 200)).encoder.keyframes == 50


def test_chunks_of_streams_are_whole_numbers_of_segments():
    assert Options("cmaf").chunk_target == 12
    assert Options("mp4").chunk_target == 10
    assert Options("hls-ts", segment_seconds=6).chunk_target == 12
    assert Options("cmaf", chunk_seconds=2, segment_seconds=4).chunk_target == 4
    with pytest.raises(BadSetting, match="segment_seconds"):
        Options("cmaf", segment_seconds=0.5)


def test_sound_of_streams_lasts_as_long_as_the_film():
    of = source(Fraction(25), 500, Fraction(1, 25))
    ((_, _, plain),) = audio_recipes(of, Profile("p"), "mp4")
    ((_, _, filled),) = audio_recipes(of, Profile("p"), "cmaf")
    assert plain.filled is None
    command = arguments(filled, 1)
    placed = "aresample=44100,aresample=async=1:min_comp=0.000001:first_pts=441000,apad=whole_dur=20.000000"
    assert command[command.index("-filter:a") + 1] == f"atrim=start=12.000000:end=19.000000,{placed}"
