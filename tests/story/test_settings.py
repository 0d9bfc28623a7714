"""What a profile may change: the encoder and the frame rate. Each compared with one plain FFmpeg process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from clips.library import CLIPS, build
from story.checks import compare
from story.observe import Observed, observe

Truth = Callable[[Path], Observed]

_HEVC = ("codec=libx265", "preset=ultrafast")
_ENCODERS = {
    "libx265": _HEVC,
    "libx265-ten-bits": (*_HEVC, "pixel_format=yuv420p10le"),
    "libsvtav1": ("codec=libsvtav1", "preset=12"),
    "libvpx-vp9": ("codec=libvpx-vp9", "preset=8"),
}


def _source(name: str) -> Path:
    return build([clip for clip in CLIPS if clip.name == name])[name]


def _command(source: Path, target: Path, settings: Sequence[str]) -> list[str]:
    chosen = [word for setting in settings for word in ("--set", setting)]
    short = ["--chunk-seconds", "2", "-o", str(target)]
    return [sys.executable, "-m", "fallow", "encode", str(source), "-p", "240p", *chosen, *short]


def _encode(source: Path, target: Path, settings: Sequence[str]) -> Observed:
    command = [*_command(source, target, settings), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return observe(target)


def _plain(source: Path, target: Path, settings: Sequence[str]) -> Observed:
    """What the one command makes that is printed for sceptics, run as it stands."""
    printed = [*_command(source, target, settings), "--print-reference"]
    line = subprocess.run(printed, capture_output=True, text=True, check=True).stdout
    subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    return observe(target)


@pytest.mark.parametrize("encoder", _ENCODERS)
@pytest.mark.parametrize("clip", ["open-gop-mp4", "vfr-mp4"])
def test_every_encoder_is_exact(clip: str, encoder: str, truth: Truth, tmp_path: Path) -> None:
    source = _source(clip)
    result = _encode(source, tmp_path / "out.mp4", _ENCODERS[encoder])
    assert not compare(truth(source), result, "mp4").faults


def _hdr(path: Path) -> dict[str, Any]:
    """The mastering display and light levels that a decoder finds at the first frame."""
    with av.open(str(path)) as opened:
        frame = next(opened.decode(video=0))
        return {side.type.name: bytes(side) for side in frame.side_data if side.type.name in _HDR}


_HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


@pytest.mark.parametrize("settings", [_ENCODERS["libx265-ten-bits"], ()], ids=["hevc", "h264"])
@pytest.mark.parametrize("clip", ["hdr10-mp4", "hdr10-mkv", "hdr10-ts"])
def test_hdr10_metadata_survive(clip: str, settings: Sequence[str], truth: Truth, tmp_path: Path) -> None:
    source = _source(clip)
    result = _encode(source, tmp_path / "out.mp4", settings)
    assert not compare(truth(source), result, "mp4").faults
    wanted = _hdr(source)
    assert set(wanted) == set(_HDR)
    assert _hdr(tmp_path / "out.mp4") == wanted


@pytest.mark.parametrize(
    ("clip", "setting"),
    [
        ("rate-50-mp4", "fps=30"),
        ("rate-50-mp4", "max_fps=25"),
        ("rate-23976-mkv", "fps=30"),
        ("rate-23976-mkv", "fps=10"),
        ("rate-5994-ts", "fps=24000/1001"),
        ("rate-5994-ts", "max_fps=25"),
        ("vfr-mp4", "fps=30"),
        ("vfr-mp4", "fps=24000/1001"),
        ("start-3600-ts", "fps=10"),
        ("start-3600-ts", "max_fps=25"),
    ],
)
def test_a_new_frame_rate_gives_the_frames_of_one_process(clip: str, setting: str, tmp_path: Path) -> None:
    source = _source(clip)
    ours = _encode(source, tmp_path / "ours.mp4", [setting])
    plain = _plain(source, tmp_path / "plain.mp4", [setting])
    assert [shown.number for shown in ours.shown] == [shown.number for shown in plain.shown]
    assert [shown.time + ours.start for shown in ours.shown] == [shown.time + plain.start for shown in plain.shown]


@pytest.mark.parametrize("clip", ["interlaced-top-ts", "rotated-90-mp4", "anamorphic-mkv", "languages-mkv"])
def test_the_reference_makes_the_same(clip: str, tmp_path: Path) -> None:
    source = _source(clip)
    ours = _encode(source, tmp_path / "ours.mp4", [])
    plain = _plain(source, tmp_path / "plain.mp4", [])
    assert not compare(plain, ours, "mp4").faults
