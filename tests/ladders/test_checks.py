"""The checks themselves: a folder that is right has no fault, and each kind of fault is seen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clips.maker import Maker, Picture, Sound
from ladders import by_ffmpeg, checks, exactness
from ladders.manifests import manifest
from ladders.playlists import master
from story.observe import Observed, observe

COUNT = 150
WHOLE = list(range(COUNT))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    folder = tmp_path_factory.mktemp("source")
    made = Maker(folder).encode(
        folder / "source.mkv",
        Picture(*by_ffmpeg.SIZE, COUNT, str(by_ffmpeg.RATE)),
        [Sound(seconds=COUNT / by_ffmpeg.RATE)],
        *("-c:v", "libx264", "-preset", "veryfast", "-c:a", "pcm_s16le"),
    )
    return observe(made)


@pytest.fixture(scope="module")
def dash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_ffmpeg.dash(tmp_path_factory.mktemp("dash"), WHOLE).parent


@pytest.fixture(scope="module")
def hls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FFmpeg counts no sound in BANDWIDTH: with what its segments have it is right."""
    file = by_ffmpeg.hls(tmp_path_factory.mktemp("hls"), WHOLE, "mpegts")
    sound = next(track for track in master(file).tracks if track.kind == "audio")
    text = file.read_text()
    for track in master(file).of("video"):
        peak, average = checks.peak(track) + checks.peak(sound), checks.average(track) + checks.average(sound)
        told = f"BANDWIDTH={track.told['BANDWIDTH']},AVERAGE-BANDWIDTH={track.told['AVERAGE-BANDWIDTH']}"
        text = text.replace(told, f"BANDWIDTH={round(peak) + 1},AVERAGE-BANDWIDTH={round(average)}")
    file.write_text(text)
    return file.parent


def test_a_manifest_that_is_right_has_no_fault(dash: Path, source: Observed, tmp_path: Path) -> None:
    folder = manifest(dash / "manifest.mpd")
    assert checks.faults(folder) == []
    assert exactness.faults(source, folder, tmp_path) == []


def test_playlists_that_are_right_have_no_fault(hls: Path, source: Observed, tmp_path: Path) -> None:
    folder = master(hls / "master.m3u8")
    assert checks.faults(folder) == []
    # The source names no language.
    assert {fault.partition("sound: ")[2] for fault in exactness.faults(source, folder, tmp_path)} == {
        "track 0 is in eng instead of none"
    }


@pytest.mark.parametrize("numbers", [[*range(60), *range(61, COUNT)], [*range(61), 60, *range(62, COUNT)]])
def test_a_picture_too_few_or_too_many_is_seen(numbers: list[int], source: Observed, tmp_path: Path) -> None:
    folder = manifest(by_ffmpeg.dash(tmp_path / "dash", numbers))
    assert checks.faults(folder) == []
    found = exactness.faults(source, folder, tmp_path)
    assert len([fault for fault in found if "pictures are others" in fault]) == 2
    assert any("149 pictures in 149 packets" in fault for fault in found) == (len(numbers) < COUNT)


def test_bandwidth_without_sound_is_seen(tmp_path: Path) -> None:
    """As FFmpeg's muxer tells it."""
    found = checks.faults(master(by_ffmpeg.hls(tmp_path, WHOLE, "mpegts")))
    assert sorted({re.sub(r"[\d.]+", "", fault.partition(": ")[2]) for fault in found}) == [
        "AVERAGE-BANDWIDTH is , not ",
        "BANDWIDTH is , segments have ",
    ]


def test_pictures_that_begin_late_are_seen(source: Observed, tmp_path: Path) -> None:
    """FFmpeg's muxer moves them by what an AAC encoder puts in front."""
    folder = master(by_ffmpeg.hls(tmp_path / "hls", WHOLE))
    assert checks.faults(folder)[0] == "1: segment 1 begins at 2.021016 s, told is 2.000000"
    assert any("150 pictures at other times" in fault for fault in exactness.faults(source, folder, tmp_path))


Change = Callable[[Path], object]


def _text(name: str, pattern: str, instead: str) -> Change:
    def change(folder: Path) -> None:
        file = folder / name
        changed = re.sub(pattern, instead, file.read_text(), count=1)
        assert changed != file.read_text()
        file.write_text(changed)

    return change


def _swap(one: str, other: str) -> Change:
    def change(folder: Path) -> None:
        (folder / one).rename(folder / "kept")
        (folder / other).rename(folder / one)
        (folder / "kept").rename(folder / other)

    return change


HLS = {
    "CODECS is": _text("master.m3u8", "avc1.64", "avc1.42"),
    "RESOLUTION is": _text("master.m3u8", "RESOLUTION=256x144", "RESOLUTION=256x142"),
    "but no segments have more": _text("master.m3u8", r"BANDWIDTH=2", "BANDWIDTH=9"),
    "TARGETDURATION is": _text("1.m3u8", "TARGETDURATION:2", "TARGETDURATION:1"),
    "it has not ended": _text("1.m3u8", "#EXT-X-ENDLIST", ""),
    "begins at": _text("1.m3u8", "EXTINF:2.000000", "EXTINF:1.960000"),
    "begin elsewhere": _text("1.m3u8", r"#EXTINF:2.000000,\n1-0.ts\n", ""),
    "decode times do not rise": _swap("1-1.ts", "1-0.ts"),
    "parameter sets differ": _swap("1-1.ts", "2-1.ts"),
}
DASH = {
    "CODECS is": _text("manifest.mpd", 'codecs="avc1.6', 'codecs="avc1.4'),
    "bandwidth is": _text("manifest.mpd", r'bandwidth="\d+"', 'bandwidth="9000"'),
    "segment 1 begins at": _text("manifest.mpd", r'<S t="0" d="\d+" r="2" />', '<S t="0" d="25000" r="2" />'),
    "FFmpeg says": lambda folder: (folder / "chunk-stream0-00002.m4s").write_bytes(
        (folder / "chunk-stream0-00002.m4s").read_bytes()[:-500]
    ),
}


@pytest.mark.parametrize("fault", HLS)
def test_each_fault_of_playlists_is_seen(fault: str, hls: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(hls, tmp_path / "changed")
    HLS[fault](folder)
    assert [found for found in checks.faults(master(folder / "master.m3u8")) if fault in found]


@pytest.mark.parametrize("fault", DASH)
def test_each_fault_of_a_manifest_is_seen(fault: str, dash: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(dash, tmp_path / "changed")
    DASH[fault](folder)
    assert [found for found in checks.faults(manifest(folder / "manifest.mpd")) if fault in found]


def test_a_segment_that_is_not_there_is_seen(hls: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(hls, tmp_path / "changed")
    (folder / "1-1.ts").unlink()
    with pytest.raises(AssertionError, match=r"names 1-1\.ts, which is not there"):
        master(folder / "master.m3u8")
