"""Recipes: sizes, time windows, guard, context, changes of frame rate, audio and text tracks."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from fallow import profile_files
from fallow.errors import BadProfile
from fallow.media.frames import SAFE, SHOWN, FrameIndex
from fallow.model import AudioTrack, Chunk, Source, TextTrack, VideoTrack
from fallow.pipeline import recipes
from fallow.pipeline.geometry import output_size
from fallow.profiles import Audio, Profile
from fallow.recipe import VideoRecipe

HD = Profile(name="hd", width=1280, height=720)
ONE = Fraction(1)
TICK = Fraction(1, 12800)


def video(
    width: int = 1920, height: int = 1080, aspect: Fraction = ONE, rotation: int = 0, **more: object
) -> VideoTrack:
    facts: dict[str, object] = {
        "codec": "h264",
        "pixel_format": "yuv420p",
        "bit_depth": 8,
        "time_base": Fraction(1, 12800),
        "average_rate": Fraction(25),
        "frames": 100,
        "interlaced": False,
    }
    return VideoTrack(width=width, height=height, sample_aspect=aspect, rotation=rotation, **(facts | more))  # type: ignore[arg-type]


def source(track: VideoTrack | None = None, **more: object) -> Source:
    return Source("mov", 1, Fraction(0), Fraction(4), track or video(), **more)  # type: ignore[arg-type]


def index(
    pts: Sequence[int] = range(0, 51200, 512), time_base: Fraction = Fraction(1, 12800), start: int = 0
) -> FrameIndex:
    flags = bytes([SAFE | SHOWN]) * len(pts)
    return FrameIndex(time_base, array("q", pts), flags, pts[1] - pts[0] if len(pts) > 1 else 512, start)


def chunk(lo: int, hi: int, guard: int = 12, before: int = 0) -> Chunk:
    return Chunk("job", 0, "key", "mpegts", lo, hi, guard, before, 1, "")


def recipe(profile: Profile, piece: Chunk, of: Source | None = None) -> VideoRecipe:
    of, frames = of or source(), index()
    return recipes.video_recipe(of, frames, piece, profile, recipes.timeline(frames, profile, of))


@pytest.mark.parametrize(
    ("track", "size"),
    [
        (video(1920, 1080), (1280, 720, ONE)),
        (video(1080, 1920), (720, 1280, ONE)),  # portrait: the box turns with it
        (video(1920, 1080, rotation=90), (720, 1280, ONE)),
        (video(1920, 800), (1280, 534, Fraction(801, 800))),
        (video(1440, 1080, Fraction(4, 3)), (1280, 720, ONE)),  # anamorphic: squared when it must shrink anyway
        (video(640, 360), (640, 360, ONE)),  # never enlarged
        (video(720, 576, Fraction(64, 45)), (720, 576, Fraction(64, 45))),  # fits: neither size nor aspect touched
        (video(853, 479), (852, 478, Fraction(853 * 478, 852 * 479))),  # only made even
        (video(720, 576, Fraction(16, 15), rotation=90), (576, 720, Fraction(15, 16))),
    ],
)
def test_pictures_fit_the_box_and_keep_their_aspect(track: VideoTrack, size: tuple[int, int, Fraction]) -> None:
    width, height, aspect, scaled = output_size(track, HD)
    assert (width, height) == size[:2]
    assert aspect == pytest.approx(size[2], rel=1e-6)
    turned = track.rotation % 180 != 0
    assert scaled == ((width, height) != ((track.height, track.width) if turned else (track.width, track.height)))
    shown = track.width * track.sample_aspect / track.height
    assert float(width * aspect / height) == pytest.approx(float(1 / shown if turned else shown), rel=1e-6)


def test_a_small_picture_is_enlarged_only_when_asked() -> None:
    assert output_size(video(320, 180), replace(HD, upscale=True)) == (1280, 720, 1, True)


def test_one_side_alone_is_a_box_too() -> None:
    assert output_size(video(1920, 1080), Profile(name="w", width=640))[:2] == (640, 360)
    assert output_size(video(1920, 1080), Profile(name="h", height=480))[:2] == (854, 480)


@pytest.mark.parametrize("size", [(1919, 1081), (4096, 1716), (17, 4001), (1001, 1001), (2048, 858), (1998, 1080)])
@pytest.mark.parametrize("profile", profile_files.load().values(), ids=str)
def test_results_are_even_and_inside_the_box(size: tuple[int, int], profile: Profile) -> None:
    width, height, aspect, _ = output_size(video(*size), profile)
    assert (width % 2, height % 2) == (0, 0)
    assert max(width, height) <= max(profile.width or 0, profile.height or 0)
    assert max(aspect.numerator, aspect.denominator) <= 65535


def test_full_chroma_keeps_odd_sizes() -> None:
    profile = Profile(name="all", pixel_format="yuv444p")
    assert output_size(video(853, 479), profile) == (853, 479, 1, False)


def test_a_chunk_is_shown_from_its_first_frame_to_the_guard_after_its_last() -> None:
    made = recipe(HD, chunk(25, 50))
    assert (made.frames, made.guard, made.marked) == (25, 12, 25)
    frame = Fraction(1, 25)
    assert 10 + 24 * frame < made.start < 10 + 25 * frame
    assert made.mark is not None
    assert made.end is not None
    assert 10 + 49 * frame < made.mark < 10 + 50 * frame
    assert 10 + 61 * frame < made.end < 10 + 62 * frame
    assert (made.time_base, made.rate) == (Fraction(1, 12800), 25)


def test_the_last_chunk_has_no_guard_and_shows_nothing_after_the_last_frame() -> None:
    made = recipe(HD, chunk(75, 100, guard=0))
    assert (made.frames, made.guard, made.end) == (25, 0, index().edge(100))
    assert (made.marked, made.mark) == (24, index().edge(99))


def test_guard_frames_stop_at_the_end_of_the_source() -> None:
    made = recipe(HD, chunk(75, 95, guard=5))
    assert (made.frames, made.guard, made.end) == (20, 5, index().edge(100))


def test_theora_is_decoded_in_one_thread() -> None:
    assert recipe(HD, chunk(25, 50), source(video(codec="theora"))).one_decoder_thread
    assert not recipe(HD, chunk(25, 50)).one_decoder_thread


def test_deinterlacing_looks_at_a_frame_on_each_side() -> None:
    interlaced = source(video(interlaced=True))
    made = recipe(HD, chunk(25, 50, guard=13, before=1), interlaced)
    plain = recipe(HD, chunk(25, 50))
    assert made.deinterlace
    assert (made.start, made.end, made.guard) == (plain.start, plain.end, 12)
    assert made.context_start == plain.start - Fraction(1, 25)
    assert plain.end is not None
    assert made.context_end == plain.end + Fraction(1, 25)
    assert not recipe(replace(HD, deinterlace="off"), chunk(25, 50), interlaced).deinterlace
    assert recipes.context_frames(interlaced, [HD]) == 1
    assert recipes.context_frames(source(), [HD]) == 0


def test_key_frames_are_counted_in_frames_of_the_result() -> None:
    assert recipe(HD, chunk(0, 50)).encoder.keyframes == 125
    assert recipe(replace(HD, fps=Fraction(10)), chunk(0, 50)).encoder.keyframes == 50


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(24), Fraction(30000, 1001), Fraction(50), Fraction(60)])
def test_chunks_of_a_changed_frame_rate_tile_the_result(rate: Fraction) -> None:
    frames, profile = index(start=-3000), replace(HD, fps=rate)
    line = recipes.timeline(frames, profile, source())
    pieces = [chunk(0, 26), chunk(26, 51), chunk(51, 80), chunk(80, 100, guard=0)]
    ranges = [recipes.chunk_range(line, piece) for piece in pieces]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(line.times)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
    assert all(lo < hi for lo, hi in ranges)
    for piece, (lo, hi) in zip(pieces, ranges, strict=True):
        made = recipes.video_recipe(source(), frames, piece, profile, line)
        assert made.retime is not None
        assert made.retime.first == line.times[lo]
        assert made.frames == hi - lo
        assert len(made.retime.slots) == piece.frames + min(12, 100 - piece.hi)
        if piece.hi < 100:  # all output frames, guard included, come from frames that are there
            assert made.retime.first + made.frames + made.guard <= made.retime.slots[-1]


def test_the_result_of_a_changed_rate_begins_where_the_video_begins() -> None:
    line = recipes.timeline(index(start=-6400), replace(HD, fps=Fraction(10)), source())
    assert (line.times[0], line.time_base, line.end) == (5, Fraction(1, 10), 45)


@pytest.mark.parametrize(
    ("average", "most", "rate"),
    [
        (Fraction(25), 30, None),
        (Fraction(50), 30, Fraction(25)),
        (Fraction(60), 30, Fraction(30)),
        (Fraction(60000, 1001), 30, Fraction(30000, 1001)),
        (Fraction(5994, 100), 30, Fraction(30000, 1001)),  # as a container may round it
        (Fraction(120), 25, Fraction(24)),
    ],
)
def test_a_highest_frame_rate_keeps_every_nth_frame(average: Fraction, most: int, rate: Fraction | None) -> None:
    step = round(90000 / average)
    frames = index(range(0, 100 * step, step), Fraction(1, 90000))
    wanted = replace(HD, max_fps=Fraction(most))
    assert recipes.new_rate(frames, wanted, source(video(average_rate=average))) == rate


def test_a_variable_rate_above_the_highest_becomes_the_highest() -> None:
    frames = index([0, 512, 600, 1112, 1200], Fraction(1, 12800))
    wanted = replace(HD, max_fps=Fraction(25))
    assert recipes.new_rate(frames, wanted, source(video(average_rate=Fraction(42)))) == 25


def test_rate_control_defaults() -> None:
    plain = recipes.encoder(Profile(name="a"), Fraction(25))
    assert (plain.crf, plain.bitrate, plain.maxrate, plain.bufsize, plain.preset) == (
        23,
        None,
        None,
        None,
        "medium",
    )
    capped = recipes.encoder(Profile(name="a", crf=21, maxrate_kbps=3000), Fraction(25))
    assert (capped.crf, capped.maxrate, capped.bufsize) == (21, 3_000_000, 6_000_000)
    average = recipes.encoder(Profile(name="a", bitrate_kbps=2000), Fraction(25))
    assert (average.crf, average.bitrate, average.maxrate, average.bufsize) == (
        None,
        2_000_000,
        3_000_000,
        4_000_000,
    )


def tracks(*given: tuple[str, int, int]) -> Source:
    made = [AudioTrack(i, codec, ch, hz, Fraction(1, 2), Fraction(3)) for i, (codec, ch, hz) in enumerate(given)]
    return source(audio=tuple(made))


def test_audio_takes_at_most_the_sources_channels_and_shares_equal_work() -> None:
    ladder = profile_files.load()
    of = tracks(("aac", 1, 44100))
    name, made = recipes.audio_recipes(of, ladder["720p"], "mp4")[0][1:]
    assert (made.channels, made.bitrate, made.sample_rate) == (1, 128_000, 44100)
    assert (made.begin, made.end) == (Fraction(21, 2), 13)
    assert name == "a0-aac-128k-1ch-44100hz"
    assert recipes.audio_recipes(of, ladder["1080p"], "mp4") == [(0, name, made)]
    assert recipes.audio_recipes(of, ladder["240p"], "mp4")[0][1] != name


@pytest.mark.parametrize(
    ("audio", "codec", "expected"),
    [
        (Audio("aac", 384, 6), ("ac3", 6, 48000), (6, 384_000, 48000)),
        (Audio("aac", 384, 6), ("pcm_s24le", 2, 192000), (2, 256_000, 48000)),
        (Audio("aac", 192, 2), ("pcm_s24le", 8, 88200), (2, 192_000, 44100)),
        (Audio("libopus"), ("aac", 2, 44100), (2, 128_000, 48000)),
        (Audio("libopus"), ("pcm_s16le", 4, 48000), (2, 128_000, 48000)),  # it has no layout for 3 or 4
        (Audio("mp2", 300), ("aac", 2, 22050), (2, 256_000, 22050)),
        (Audio("ac3"), ("aac", 8, 22050), (6, 576_000, 32000)),
        (Audio("flac"), ("pcm_s24le", 8, 192000), (8, None, 192000)),
    ],
)
def test_audio_settings_are_what_the_encoder_can_do(
    audio: Audio, codec: tuple[str, int, int], expected: tuple[int, int | None, int]
) -> None:
    made = recipes.audio_recipes(tracks(codec), Profile(name="a", audio=audio), "matroska")[0][2]
    assert (made.channels, made.bitrate, made.sample_rate) == expected


def test_every_audio_track_is_kept_unless_none_is_wanted() -> None:
    of = tracks(("aac", 2, 48000), ("opus", 2, 48000))
    assert [index for index, _, _ in recipes.audio_recipes(of, HD, "mp4")] == [0, 1]
    assert recipes.audio_recipes(of, replace(HD, audio=Audio("none")), "mp4") == []


@pytest.mark.parametrize(
    ("profile", "container", "words"),
    [
        (
            Profile(name="p", codec="libvpx-vp9"),
            "mpegts",
            r"codec = 'libvpx-vp9' does not fit into mpegts",
        ),
        (
            Profile(name="p", audio=Audio("libopus")),
            "mpegts",
            r"audio.codec = 'libopus' .* aac, ac3, mp2 or",
        ),
        (Profile(name="p", audio=Audio("mp2")), "mp4", r"audio.codec = 'mp2'"),
        (Profile(name="p"), "avi", "no container 'avi'; choose mp4, mpegts, matroska"),
    ],
)
def test_what_does_not_fit_into_the_container_is_refused(profile: Profile, container: str, words: str) -> None:
    with pytest.raises(BadProfile, match=words):
        recipes.check_container(profile, container)


def test_copied_audio_must_fit_too() -> None:
    profile = Profile(name="p", audio=Audio("copy"))
    with pytest.raises(BadProfile, match=r"copy \(of pcm_s16le\).* does not fit into mp4"):
        recipes.check_fit(tracks(("pcm_s16le", 2, 48000)), index(), profile, "mp4")
    recipes.check_fit(tracks(("pcm_s16le", 2, 48000)), index(), profile, "matroska")


def test_a_level_is_checked_against_the_result() -> None:
    profile = replace(HD, level="3.1", profile="main", crf=20.0)
    recipes.check_fit(source(), index(), profile, "mp4")
    fast = source(video(average_rate=Fraction(60)))
    with pytest.raises(BadProfile, match=r"level = '3\.1'"):
        recipes.check_fit(fast, index(), profile, "mp4")


def test_subtitles_are_kept_as_text() -> None:
    of = source(text=(TextTrack(0, "mov_text"), TextTrack(1, "ass")))
    assert [(n, r.codec) for _, n, r in recipes.text_recipes(of, "mp4")] == [
        ("s0-subrip", "subrip"),
        ("s1-subrip", "subrip"),
    ]
    assert [r.codec for _, _, r in recipes.text_recipes(of, "matroska")] == ["subrip", "copy"]
    assert recipes.text_recipes(of, "mpegts") == []
