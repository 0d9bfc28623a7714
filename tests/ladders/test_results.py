"""Streams that `fallow encode` makes: read without a warning, told truly, and exact in every rendition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clips.library import CLIPS, build
from clips.maker import Clip
from ladders import checks, exactness, product
from story.observe import observe

# What is hard to cut into segments, or to tell truly of.
AWKWARD = {
    "anamorphic-mkv",
    "b-pyramid-mkv",
    "hdr10-mp4",
    "hevc-cra-mp4",
    "languages-mkv",
    "one-frame-mp4",
    "open-gop-ts",
    "rate-23976-mp4",
    "rate-5994-mp4",
    "rotated-90-mp4",
    "sound-earlier-mp4",
    "sound-later-mp4",
    "sound-shorter-mp4",
    "start-3600-ts",
    "subtitles-srt-mkv",
    "two-frames-mp4",
    "vfr-mp4",
}
_AWKWARD = [clip for clip in CLIPS if clip.name in AWKWARD]
STREAMS = pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
Encode = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return product.source(tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def encode(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Encode:
    """The folder that becomes of a video; all of them are made at once."""
    made: dict[str, dict[Path, Path]] = {}

    def encoded(video: Path, container: str) -> Path:
        if container not in made:
            videos = [film, *build(_AWKWARD).values()]
            made[container] = product.encode(videos, tmp_path_factory.mktemp(container), container)
        return made[container][video]

    return encoded


@STREAMS
def test_what_is_told_of_a_film_is_true(container: str, film: Path, encode: Encode) -> None:
    for folder in product.lists(encode(film, container)):
        assert len(folder.of("video")) == len(product.HEIGHTS)
        assert len(folder.of("audio")) == len(folder.of("text")) == len(product.LANGUAGES)
        assert checks.faults(folder) == []


@STREAMS
def test_every_rendition_of_a_film_is_exact(container: str, film: Path, encode: Encode, tmp_path: Path) -> None:
    for number, folder in enumerate(product.lists(encode(film, container))):
        assert exactness.faults(observe(film), folder, tmp_path / str(number)) == []


@STREAMS
@pytest.mark.parametrize("clip", _AWKWARD, ids=lambda clip: clip.name)
def test_awkward_sources_become_exact_streams(clip: Clip, container: str, encode: Encode, tmp_path: Path) -> None:
    video = build([clip])[clip.name]
    for number, folder in enumerate(product.lists(encode(video, container))):
        faults = checks.faults(folder)
        if clip.name == "two-frames-mp4":  # FFmpeg reads manifests as short as that twice, its own, too
            faults = [fault for fault in faults if "FFmpeg says of manifest.mpd" not in fault]
        assert faults == []
        assert exactness.faults(observe(video), folder, tmp_path / str(number)) == []
