"""What is found out about a source."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio_ffmpeg
import pytest

from fallow.errors import BadInput
from fallow.media.probe import probe, start_of
from fallow.media.reader import RangedReader, file_reader, open_input
from fallow.model import Chapter

NOTES = """;FFMETADATA1
title=A film
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=One
[CHAPTER]
TIMEBASE=1/1000
START=400
END=1000
title=Zwei
"""


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_title_and_chapters_are_found(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "notes").write_text(NOTES)
    inputs = ("-f", "lavfi", "-i", "testsrc2=size=64x48:duration=1", "-f", "ffmetadata", "-i", tmp_path / "notes")
    encode = ("-map_metadata", "1", "-c:v", "libx264", "-preset", "ultrafast")
    path = tmp_path / f"film.{suffix}"
    ffmpeg(*inputs, *encode, path)
    source, _ = probe(file_reader(path))
    assert source.title == "A film"
    assert [chapter.title for chapter in source.chapters] == ["One", "Zwei"]
    assert all(isinstance(chapter, Chapter) and chapter.begin < chapter.end for chapter in source.chapters)


def test_nothing_is_shown_before_the_start() -> None:
    """A programme stream whose header says that it begins after its first picture."""
    video: Any = SimpleNamespace(time_base=Fraction(1, 90000))
    opening: Any = SimpleNamespace(pts=49504)
    late: Any = SimpleNamespace(start_time=566733)
    early: Any = SimpleNamespace(start_time=300000)
    assert start_of(late, video, opening) == Fraction(49504, 90000)
    assert start_of(early, video, opening) == Fraction(3, 10)


def test_pictures_too_small_to_be_encoded_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dot.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=size=3x1:duration=0.2", "-c:v", "ffv1", "-pix_fmt", "yuv444p", path)
    with pytest.raises(BadInput, match="3x1 pixels"):
        probe(file_reader(path))


def test_pictures_coded_smaller_than_they_are_shown_keep_their_size(tmp_path: Path) -> None:
    path = tmp_path / "resized.mkv"
    smaller = (
        "-c:v",
        "libsvtav1",
        "-preset",
        "12",
        "-svtav1-params",
        "resize-mode=1:resize-denom=14:resize-kf-denom=14",
    )
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=256x144:duration=0.4", "-pix_fmt", "yuv420p", *smaller, path)
    with open_input(file_reader(path)) as opened:
        assert next(opened.decode(video=0)).width < 256
    video = probe(file_reader(path))[0].video
    assert (video.width, video.height, video.sample_aspect) == (256, 144, 1)


def _film(tmp_path: Path, *sound: str) -> bytes:
    path = tmp_path / "film.ts"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=128x96:duration=2", "-c:v", "mpeg2video", "-q:v", "3")
    ffmpeg(*sound, *picture, "-c:a", "mp2", path)
    return path.read_bytes()


def test_a_stream_of_the_middle_alone_is_told(tmp_path: Path) -> None:
    """So far from both ends that it is not found when a file is opened."""
    silent, loud = _film(tmp_path), _film(tmp_path, "-f", "lavfi", "-i", "sine=duration=2")
    far = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 50000
    film = silent + far + loud + far + silent
    source, index = probe(RangedReader(lambda start, length: film[start : start + length], len(film)))
    assert (len(index.pts), source.audio) == (150, ())
    assert "The audio stream 0x101 (mp2) begins only in the midst of the file and is left out." in source.warnings
