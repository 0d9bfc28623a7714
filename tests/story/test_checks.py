"""The checks themselves: they pass what one FFmpeg process makes, and see every single fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from clips.library import CLIPS, build
from clips.maker import Clip, Maker, remux, repacked
from story.checks import compare, compare_damaged
from story.observe import Observed, observe

# Where one process keeps every frame and its time: others lose some to their own habits.
_PLAIN = (
    "h264-mp4",
    "open-gop-mp4",
    "hevc-cra-mkv",
    "prores-mov",
    "mpeg2-open-gop-ps",
    "vfr-mp4",
    "rate-23976-mp4",
    "rotated-90-mp4",
    "anamorphic-mp4",
    "bt709-mkv",
    "sound-later-mp4",
    "languages-mp4",
    "subtitles-mp4",
    "pts-wrap-ts",
)
Truth = Callable[[Path], Observed]


def _clip(name: str) -> Clip:
    return next(clip for clip in CLIPS if clip.name == name)


@pytest.fixture(scope="module")
def sources() -> dict[str, Path]:
    return build([_clip(name) for name in _PLAIN])


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("checks"))


def _plainly(maker: Maker, source: Path, *options: object) -> Path:
    """The source through one FFmpeg process."""
    target = maker.scratch(f"{source.stem}{len(options)}.mp4")
    clock = ("-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-movie_timescale", "90000")
    maps = ("-map", "0:v:0", "-map", "0:a?", "-map", "0:s?", "-c:s", "mov_text")
    how = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-c:a", "aac")
    maker.run("-i", source, *maps, *clock, *how, *options, target)
    return target


@pytest.mark.parametrize("name", _PLAIN)
def test_what_one_process_makes_has_no_faults(
    name: str, sources: dict[str, Path], maker: Maker, truth: Truth
) -> None:
    verdict = compare(truth(sources[name]), observe(_plainly(maker, sources[name])), "mp4")
    assert not verdict.faults
    assert verdict.offset < 0.003


@pytest.fixture(scope="module")
def pair(sources: dict[str, Path], maker: Maker) -> tuple[Observed, Path]:
    """A source, and a good result without reordering, so that packets can be tampered with one by one."""
    source = sources["h264-mp4"]
    return observe(source), _plainly(maker, source, "-bf", "0", "-g", "10")


def _verdict(pair: tuple[Observed, Path], maker: Maker, edit: Callable[[int, Any], list[Any]]) -> Any:
    target = maker.scratch("tampered.mp4")
    remux(pair[1], target, edit)
    return compare(pair[0], observe(target), "mp4")


def test_an_untouched_copy_has_no_faults(pair: tuple[Observed, Path], maker: Maker) -> None:
    assert not _verdict(pair, maker, lambda number, packet: [packet]).faults


def test_a_dropped_frame_is_seen(pair: tuple[Observed, Path], maker: Maker) -> None:
    verdict = _verdict(pair, maker, lambda number, packet: [] if number == 124 else [packet])
    assert verdict.frames
    verdict = _verdict(pair, maker, lambda number, packet: [] if 60 <= number < 70 else [packet])
    assert verdict.frames
    assert verdict.times
    assert verdict.identity


def test_a_repeated_group_is_seen(pair: tuple[Observed, Path], maker: Maker) -> None:
    """As many frames, at the right times, but some are shown twice and others never."""
    kept: list[Any] = []

    def edit(number: int, packet: Any) -> list[Any]:
        if 50 <= number < 60:
            kept.append(packet)
        if 60 <= number < 70:
            packet = repacked(packet, bytes(kept[number - 60]))
        return [packet]

    verdict = _verdict(pair, maker, edit)
    assert not verdict.frames
    assert not verdict.times
    assert "10 pictures are others, first at 60: 50, not 60" in verdict.identity[0]


def test_two_swapped_frames_are_seen(sources: dict[str, Path], maker: Maker, truth: Truth) -> None:
    every = _plainly(maker, sources["h264-mp4"], "-g", "1")
    with av.open(str(every)) as opened:
        contents = [bytes(packet) for packet in opened.demux(video=0) if packet.size]
    target = maker.scratch("swapped.mp4")
    remux(every, target, lambda number, packet: [repacked(packet, contents[{71: 72, 72: 71}.get(number, number)])])
    verdict = compare(truth(sources["h264-mp4"]), observe(target), "mp4")
    assert verdict.identity == ("2 pictures are others, first at 71: 72, not 71",)


def test_one_tick_is_seen(pair: tuple[Observed, Path], maker: Maker) -> None:
    def edit(number: int, packet: Any) -> list[Any]:
        packet.pts += number == 80
        return [packet]

    verdict = _verdict(pair, maker, edit)
    assert verdict.times == ("1 pictures at other times, first 80, worst 80 by 0.078 ms",)


@pytest.mark.parametrize("seconds", [0.04, -0.04])
def test_shifted_sound_is_seen(seconds: float, pair: tuple[Observed, Path], maker: Maker) -> None:
    target = maker.scratch("shifted.mp4")
    graph = f"adelay={seconds * 1000}:all=1" if seconds > 0 else f"atrim=start={-seconds},asetpts=PTS-STARTPTS"
    maker.run("-i", pair[1], "-c:v", "copy", "-af", graph, "-c:a", "aac", target)
    verdict = compare(pair[0], observe(target), "mp4")
    assert verdict.sound
    assert abs(verdict.offset - abs(seconds)) < 0.002


def test_drifting_sound_is_seen(pair: tuple[Observed, Path], maker: Maker) -> None:
    """A second that is missing in the middle."""
    target = maker.scratch("drifting.mp4")
    graph = "aselect='not(between(t,2,2.3))',asetpts=N/SR/TB"
    maker.run("-i", pair[1], "-c:v", "copy", "-af", graph, "-c:a", "aac", target)
    assert compare(pair[0], observe(target), "mp4").sound


def test_missing_and_exchanged_tracks_are_seen(sources: dict[str, Path], maker: Maker, truth: Truth) -> None:
    source = sources["languages-mp4"]
    plain = _plainly(maker, source)
    target = maker.scratch("tracks.mp4")
    for maps in (("0:a:0",), ("0:a:0", "0:a:2", "0:a:1")):
        words = [word for place in maps for word in ("-map", place)]
        maker.run("-i", plain, "-map", "0:v", *words, "-c", "copy", target)
        assert compare(truth(source), observe(target), "mp4").sound


def test_a_squeezed_picture_and_a_turned_one_are_seen(sources: dict[str, Path], maker: Maker, truth: Truth) -> None:
    source = sources["anamorphic-mp4"]
    verdict = compare(truth(source), observe(_plainly(maker, source, "-vf", "setsar=1")), "mp4")
    assert verdict.metadata
    source = sources["rotated-90-mp4"]
    target = maker.scratch("turned.mp4")
    maker.run("-display_rotation", 90, "-i", _plainly(maker, source), "-c", "copy", target)
    assert compare(truth(source), observe(target), "mp4").metadata


def test_lost_colour_is_seen(sources: dict[str, Path], maker: Maker, truth: Truth) -> None:
    source = sources["bt709-mkv"]
    bare = _plainly(maker, source, "-vf", "setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown")
    assert compare(truth(source), observe(bare), "mp4").metadata


def test_late_and_missing_subtitles_are_seen(sources: dict[str, Path], maker: Maker, truth: Truth) -> None:
    source = sources["subtitles-mp4"]
    plain = _plainly(maker, source)
    target = maker.scratch("late.mp4")
    maker.run("-i", plain, "-itsoffset", 0.1, "-i", plain, "-map", "0:v", "-map", "0:a", "-map", "1:s",
              "-c", "copy", target)  # fmt: skip
    assert compare(truth(source), observe(target), "mp4").metadata
    maker.run("-i", plain, "-map", "0:v", "-map", "0:a", "-c", "copy", target)
    assert compare(truth(source), observe(target), "mp4").metadata


def test_accepted_damage_may_lose_frames_but_not_move_them(pair: tuple[Observed, Path], maker: Maker) -> None:
    target = maker.scratch("holes.mp4")
    remux(pair[1], target, lambda number, packet: [] if 60 <= number < 70 else [packet])
    assert not compare_damaged(pair[0], observe(target)).faults

    def late(number: int, packet: Any) -> list[Any]:
        packet.pts += 100 if number == 90 else 0
        return [packet]

    remux(pair[1], target, late)
    assert compare_damaged(pair[0], observe(target)).times
