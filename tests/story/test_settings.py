"""What a profile may change: the encoder and the frame rate. Each compared with one plain FFmpeg process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
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


_RATES = {
    "fps=30": ("rate-50-mp4", "rate-23976-mkv", "vfr-mp4"),
    "max_fps=25": ("rate-50-mp4", "rate-5994-ts", "start-3600-ts"),
    "fps=10": ("rate-23976-mkv", "start-3600-ts"),
    "fps=24000/1001": ("rate-5994-ts", "vfr-mp4"),
}


def _sources(names: Sequence[str]) -> dict[str, Path]:
    return build([clip for clip in CLIPS if clip.name in names])


def _command(sources: Sequence[Path], target: str, settings: Sequence[str]) -> list[str]:
    chosen = [word for setting in settings for word in ("--set", setting)]
    short = ["--chunk-seconds", "2", "-o", target]
    return [sys.executable, "-m", "fallow", "encode", *map(str, sources), "-p", "240p", *chosen, *short]


def _encode(sources: Mapping[str, Path], folder: Path, settings: Sequence[str]) -> dict[str, Path]:
    """All in one command: starting the platform costs as much as a clip or two."""
    command = [*_command(list(sources.values()), f"{folder}{os.sep}", settings), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: folder / f"{source.stem}.240p.mp4" for name, source in sources.items()}


def _plain(source: Path, target: Path, settings: Sequence[str]) -> Observed:
    """What the one command makes that is printed for sceptics, run as it stands."""
    printed = [*_command([source], str(target), settings), "--print-reference"]
    line = subprocess.run(printed, capture_output=True, text=True, check=True).stdout
    subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    return observe(target)


@pytest.mark.parametrize("encoder", _ENCODERS)
def test_every_encoder_is_exact(encoder: str, truth: Truth, tmp_path: Path) -> None:
    sources = _sources(["open-gop-mp4", "vfr-mp4"])
    results = _encode(sources, tmp_path, _ENCODERS[encoder])
    for name, source in sources.items():
        assert not compare(truth(source), observe(results[name]), "mp4").faults


def _hdr(path: Path) -> dict[str, Any]:
    """The mastering display and light levels that a decoder finds at the first frame."""
    with av.open(str(path)) as opened:
        frame = next(opened.decode(video=0))
        return {side.type.name: bytes(side) for side in frame.side_data if side.type.name in _HDR}


_HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


@pytest.mark.parametrize("settings", [_ENCODERS["libx265-ten-bits"], ()], ids=["hevc", "h264"])
def test_hdr10_metadata_survive(settings: Sequence[str], truth: Truth, tmp_path: Path) -> None:
    sources = _sources(["hdr10-mp4", "hdr10-mkv", "hdr10-ts"])
    results = _encode(sources, tmp_path, settings)
    for name, source in sources.items():
        assert not compare(truth(source), observe(results[name]), "mp4").faults
        wanted = _hdr(source)
        assert set(wanted) == set(_HDR)
        assert _hdr(results[name]) == wanted


@pytest.mark.parametrize("setting", _RATES)
def test_a_new_frame_rate_gives_the_frames_of_one_process(setting: str, tmp_path: Path) -> None:
    sources = _sources(_RATES[setting])
    results = _encode(sources, tmp_path, [setting])
    for name, source in sources.items():
        ours, plain = observe(results[name]), _plain(source, tmp_path / f"plain-{name}.mp4", [setting])
        assert [shown.number for shown in ours.shown] == [shown.number for shown in plain.shown]
        assert [shown.time + ours.start for shown in ours.shown] == [
            shown.time + plain.start for shown in plain.shown
        ]


def test_the_reference_makes_the_same(tmp_path: Path) -> None:
    sources = _sources(["interlaced-top-ts", "rotated-90-mp4", "anamorphic-mkv", "languages-mkv"])
    results = _encode(sources, tmp_path, [])
    for name, source in sources.items():
        plain = _plain(source, tmp_path / f"plain-{name}.mp4", [])
        assert not compare(plain, observe(results[name]), "mp4").faults
