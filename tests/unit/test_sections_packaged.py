"""Sound that comes in sections becomes the same segments as at once, and is told as far as it is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fallow.errors import BrokenPart
from fallow.media.result_layout import TrackPart
from fallow.messages import from_wire, to_wire
from fallow.model import TaskKind
from fallow.streaming.listing import Ended, Packaged
from fallow.streaming.package import PackagePlan, Packager, Piece, TrackWant
from unit.joining import ffmpeg, track_part
from unit.packaged import Folder, film, pieces, plan

ENDS = (48, 95)  # the packets that begin at one second, and at two
FILM = film("25", sound=("a0",))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    return pieces(tmp_path_factory.mktemp("parts"), "25", [[0, 20], [35], [47]])


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[TrackPart]:
    """A track as a whole, and then in three sections."""
    folder = tmp_path_factory.mktemp("sounds")
    late = ["-output_ts_offset", 10, "-avoid_negative_ts", "disabled"]
    whole = folder / "whole.nut"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2.4:sample_rate=48000", "-ac", 2, "-c:a", "aac", *late, whole)
    found, first = [whole], 0
    for number, end in enumerate((*ENDS, 1000)):
        path = folder / f"{number}.nut"
        others = f"noise=drop='lt(n,{first})+gte(n,{end})'"
        ffmpeg("-copyts", "-i", whole, "-c", "copy", "-bsf:a", others, "-avoid_negative_ts", "disabled", path)
        found, first = [*found, path], end
    return [track_part(path, TaskKind.AUDIO, "nut", language="ger") for path in found]


def wanted(container: str) -> PackagePlan:
    return plan(FILM, container=container, tracks=(TrackWant("a0", TaskKind.AUDIO, 0),))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "audio" / "a0").iterdir())}


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_sections_become_the_segments_of_the_whole(container, sounds, parts, tmp_path):
    whole, *sections = sounds
    made: dict[str, dict[str, bytes]] = {}
    for name in ("at once", "in sections"):
        folder = Folder(tmp_path / name)
        packager = Packager(wanted(container), folder.save)
        if name == "at once":
            packager.add_track("a0", whole)
        else:
            steps = list[Packaged]()
            for number, section in enumerate(sections):
                # Another process goes on each time.
                packager = Packager(wanted(container), folder.save, steps)
                step = packager.add_section("a0", section, more=number < 2)
                steps.append(from_wire(Packaged, to_wire(step)))
        for piece in parts:
            packager.add_chunk({FILM.name: piece})
        folder.write(packager.texts(Ended.DONE))
        made[name] = files(folder.path) | {
            text: data for text, data in packager.texts(Ended.DONE).items() if "thumb" not in text
        }
    assert made["in sections"] == made["at once"]


def test_pictures_are_told_as_far_as_their_sound_is_there(sounds, parts, tmp_path):
    packager = Packager(wanted("cmaf"), Folder(tmp_path).save)
    for piece in parts:
        packager.add_chunk({FILM.name: piece})
    assert packager.texts(Ended.GROWING) == {}
    told = []
    for number, section in enumerate(sounds[1:]):
        packager.add_section("a0", section, more=number < 2)
        texts = packager.texts(Ended.GROWING)
        told.append([_segments(texts[name]) for name in ("video/240p/index.m3u8", "audio/a0/index.m3u8")])
        assert texts["manifest.mpd"].count(b"<S ") > 0
        broken = packager.texts(Ended.BROKEN_OFF)
        assert _segments(broken["video/240p/index.m3u8"]) == told[-1][0]
    # Those of the pictures begin at 0, 0.8, 1.4 and 1.88 s and end at 2.4 s.
    assert told == [[["00000.m4s"], ["00000.m4s"]], [_numbers(4)[:3], _numbers(2)], [_numbers(4), _numbers(3)]]


def _numbers(count: int) -> list[str]:
    return [f"{number:05d}.m4s" for number in range(count)]


def _segments(text: bytes) -> list[str]:
    return re.findall(r"^[^#].*$", text.decode(), re.MULTILINE)


@pytest.mark.parametrize("order", [(0, 2), (0, 0)], ids=["one is missing", "one comes twice"])
def test_a_section_that_does_not_fit_is_refused(order, sounds, tmp_path):
    packager = Packager(wanted("cmaf"), Folder(tmp_path).save)
    first, second = order
    packager.add_section("a0", sounds[1 + first], more=True)
    with pytest.raises(BrokenPart, match="not where the one before it ends") as told:
        packager.add_section("a0", sounds[1 + second], more=True)
    assert told.value.track == 0
