"""A ladder has the rungs that a source deserves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from fallow import profile_files
from fallow.commands.chosen import Wanted
from fallow.errors import BadProfile
from fallow.model import Source, VideoTrack
from fallow.pipeline.geometry import output_size
from fallow.pipeline.ladder import deserved
from fallow.pipeline.recipes import check_container
from fallow.profiles import Profile

RUNGS = [profile_files.load()[name] for name in profile_files.ladders()["ladder"]]


def source(width: int, height: int, rotation: int = 0) -> Source:
    rate = Fraction(25)
    track = VideoTrack(
        "h264", width, height, Fraction(1), rotation, "yuv420p", 8, 1 / rate, rate, 9, interlaced=False
    )
    return Source("mov", 1, Fraction(0), Fraction(1), track)


def sizes(of: Source) -> list[str]:
    return ["{}x{}".format(*output_size(of.video, rung)[:2]) for rung in deserved(of, RUNGS)]


LARGE = ["3840x2160", "2560x1440"]
USUAL = ["1920x1080", "1280x720", "960x540", "768x432", "640x360", "416x234"]


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (source(3840, 2160), [*LARGE, *USUAL]),
        (source(1920, 1080), USUAL),
        (source(1280, 720), USUAL[1:]),
        (source(1000, 562), ["1000x562", *USUAL[3:]]),  # 960x540 is no step below it
        (source(320, 240), ["320x240", "312x234"][:1]),
        (source(100, 100), ["100x100"]),
        (source(1920, 1080, rotation=90), ["1080x1920", "720x1280", "540x960", "432x768", "360x640", "234x416"]),
        (source(1080, 1920), ["1080x1920", "720x1280", "540x960", "432x768", "360x640", "234x416"]),
        (source(1440, 1080), ["1440x1080", "960x720", "720x540", "576x432", "480x360", "312x234"]),
    ],
)
def test_no_rung_is_larger_than_the_source(of, wanted):
    assert sizes(of) == wanted


def test_rungs_of_several_codecs_are_chosen_apart():
    rungs = [
        Profile(f"{codec}-{h}", codec=codec, width=2 * h, height=h)
        for codec in ("libx264", "libx265")
        for h in (400, 100)
    ]
    assert deserved(source(400, 200), rungs) == rungs
    assert deserved(source(200, 100), rungs) == [rungs[1], rungs[3]]


def test_every_rung_fits_into_every_stream():
    for rung in RUNGS:
        for container in ("cmaf", "hls", "dash", "hls-ts", "mp4"):
            check_container(rung, container)


def test_people_have_ladders_of_their_own(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('[tiny]\nbased_on = "240p"\nwidth = 100\n\n[ladders]\nmine = ["480p", "tiny"]\n')
    wanted = Wanted.of(["mine", "480p"], [file])
    assert (wanted.names, wanted.ladder, wanted.container) == (("480p", "tiny"), True, "cmaf")
    assert [profile.width for profile in wanted.profiles(["crf=30"])] == [852, 100]
    plain = Wanted.of(["480p"], [file])
    assert (plain.names, plain.ladder, plain.container) == (("480p",), False, None)
    assert Wanted.of([profile_files.LADDER], []).names[0] == "ladder-2160p"
    with pytest.raises(BadProfile, match="--ladder"):
        Wanted.of([], [])
    file.write_text('[ladders]\nmine = "480p"\n')
    with pytest.raises(BadProfile, match="no list of profiles"):
        Wanted.of(["mine"], [file])
    file.write_text('[ladders]\nmine = ["481p"]\n')
    with pytest.raises(BadProfile, match="481p"):
        Wanted.of(["mine"], [file]).profiles([])
