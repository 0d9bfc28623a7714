"""Profiles: the built-in ones, what is refused and in which words, files, settings, wire form."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from fallow import profile_files
from fallow.errors import BadProfile
from fallow.messages import from_wire, to_wire
from fallow.profiles import Audio, Profile, check_chunks, check_level
from fallow.recipe import Filter

BUILT_IN = profile_files.load()
RUNGS = [name for name in BUILT_IN if name.startswith("ladder-")]  # which nobody chooses one by one


def test_the_built_in_profiles_are_the_usual_ladder() -> None:
    named = [name for name in BUILT_IN if name not in RUNGS]
    assert named == ["4k", "2k", "1080p", "720p", "480p", "360p", "240p"]
    sizes = [(BUILT_IN[name].width, BUILT_IN[name].height) for name in named]
    assert sizes == [(4096, 2160), (2560, 1440), (1920, 1080), (1280, 720), (852, 480), (640, 360), (424, 240)]


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=str)
def test_built_in_profiles_are_capped_quality_that_plays_anywhere(profile: Profile) -> None:
    assert profile.codec == "libx264"
    assert profile.pixel_format == "yuv420p"
    assert profile.audio.codec == "aac"
    assert profile.crf is not None
    assert profile.maxrate_kbps is not None
    assert profile.bufsize_kbps is not None
    # 1.5 times a target and 2 seconds of it
    assert profile.maxrate_kbps * 4 == pytest.approx(profile.bufsize_kbps * 3, rel=0.02)
    slow = profile.name in ("ladder-360p", "ladder-234p")  # too few bits for more
    assert (profile.fps, profile.max_fps, profile.level) == (None, 30 if slow else None, "")


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=str)
def test_the_wire_form_is_json_and_gives_the_same_profile(profile: Profile) -> None:
    assert from_wire(Profile, json.loads(json.dumps(to_wire(profile)))) == profile


def test_a_wire_form_is_checked_like_any_profile() -> None:
    wire = to_wire(BUILT_IN["720p"])
    with pytest.raises(BadProfile, match="hqdn3d"):
        from_wire(Profile, {**wire, "filters": [{"name": "hqdn3d", "options": []}]})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"codec": "h264_nvenc"}, ["codec = 'h264_nvenc'", "libx264"]),
        ({"presett": "slow"}, ["presett", "did you mean preset"]),
        ({"crf": 52}, ["crf = 52", "0 to 51"]),
        ({"crf": True}, ["crf = True", "must be a number"]),
        ({"width": "wide"}, ["width = 'wide'", "whole number"]),
        ({"width": 8}, ["width = 8", "16 to"]),
        ({"upscale": True}, ["upscale", "set width and height"]),
        ({"crf": 20, "bitrate_kbps": 2000}, ["bitrate_kbps = 2000", "crf = 20", "remove one"]),
        ({"bufsize_kbps": 2000}, ["bufsize_kbps = 2000", "maxrate_kbps"]),
        ({"bitrate_kbps": 2000, "maxrate_kbps": 1000}, ["maxrate_kbps = 1000", "bitrate_kbps = 2000"]),
        ({"pixel_format": "yuv420p12le"}, ["pixel_format = 'yuv420p12le'", "yuv420p10le"]),
        ({"profile": "high", "pixel_format": "yuv420p10le"}, ["profile = 'high'", "high10"]),
        ({"codec": "libsvtav1", "tune": "film"}, ["tune = 'film'", "leave tune out"]),
        ({"codec": "libsvtav1", "level": "4"}, ["level = '4'", "leave level out"]),
        ({"crf": 0, "profile": "high"}, ["lossless", "high444"]),
        ({"level": "7"}, ["level = '7'", "6.2"]),
        ({"fps": 0}, ["fps = 0", "1 to 300"]),
        ({"fps": "fast"}, ["fps = 'fast'", "30000/1001"]),
        ({"fps": 25, "max_fps": 30}, ["max_fps = 30", "remove one"]),
        ({"deinterlace": "on"}, ["deinterlace = 'on'", "auto, off"]),
        ({"filters": ["hqdn3d"]}, ["hqdn3d", "memory from frame to frame"]),
        ({"filters": ["minterpolate"]}, ["minterpolate", "neighbouring frames"]),
        ({"filters": ["movie=filename=x"]}, ["movie", "no filter a profile may use"]),
        ({"filters": ["eq=contrst=1"]}, ["contrst", "did you mean contrast"]),
        ({"filters": ["eq=contrast=1,movie"]}, ["contrast = '1,movie'", "plain number"]),
        ({"filters": ["unsharp=5"]}, ["without a name"]),
        ({"extra": {"keyint": 50}}, ["extra.keyint", "libx264"]),
        ({"extra": {"ref": "3:keyint=1"}}, ["extra.ref", "plain"]),
        ({"audio": {"codec": "vorbis"}}, ["audio.codec = 'vorbis'", "aac"]),
        ({"audio": {"codec": "flac", "bitrate_kbps": 500}}, ["audio.bitrate_kbps = 500", "lossless"]),
        ({"audio": {"codec": "copy", "channels": 2}}, ["audio.channels = 2", "remove it"]),
        ({"audio": {"codec": "libopus", "sample_rate": 44100}}, ["audio.sample_rate = 44100", "48000"]),
        ({"audio": "aac"}, ["audio = 'aac'", "[mine.audio]"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_refusal_names_the_key_its_value_and_the_remedy(table: dict[str, object], words: list[str]) -> None:
    with pytest.raises(BadProfile) as refusal:
        profile_files.from_table("mine", table)
    message = str(refusal.value)
    assert message.startswith("Profile mine: ")
    assert [word for word in words if word not in message] == []
    assert message.endswith((".", "?"))


def test_a_profile_name_must_fit_into_a_file_name() -> None:
    with pytest.raises(BadProfile, match=r"\.\./x"):
        Profile(name="../x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (25, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_frame_rates_are_exact(written: object, meant: str) -> None:
    assert profile_files.from_table("mine", {"fps": written}).fps == Fraction(meant)


def test_settings_are_typed_and_applied_together() -> None:
    wanted = ["crf=none", "bitrate_kbps=2000", "fps=29.97", "filters=hflip,eq=gamma=1.1", "extra.ref=2"]
    profile = profile_files.override(
        BUILT_IN["720p"], [*wanted, "audio.codec=libopus", "profile=none", "upscale=true"]
    )
    assert (profile.crf, profile.bitrate_kbps, profile.fps) == (None, 2000, Fraction(30000, 1001))
    assert profile.filters == (Filter("hflip"), Filter("eq", (("gamma", "1.1"),)))
    assert profile.extra == (("ref", "2"),)
    assert profile.audio == Audio("libopus", 192, 2)
    assert (profile.profile, profile.upscale, profile.height) == ("", True, 720)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("crf", "key=value"), ("name=x", "no key name"), ("audio=aac", "audio.codec"), ("width=1e3", "whole number")],
)
def test_a_bad_setting_is_refused(setting: str, words: str) -> None:
    with pytest.raises(BadProfile, match=words):
        profile_files.override(BUILT_IN["720p"], [setting])


def test_a_file_adds_profiles_and_builds_on_others(tmp_path: Path) -> None:
    own = tmp_path / "profiles.toml"
    own.write_text('[small]\nbased_on = "480p"\ncrf = 28\n[small.audio]\nchannels = 1\n[720p]\nheight = 720\n')
    profiles = profile_files.load([own])
    assert (profiles["small"].width, profiles["small"].crf) == (852, 28)
    assert profiles["small"].audio == Audio("aac", 160, 1)
    assert profiles["720p"].width is None  # replaced, not merged


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]\nbased_on = 'b'\n[b]\nbased_on = 'a'\n", "circle"),
        ("[a]\nbased_on = '721p'\n", "did you mean 720p"),
        ("[a\n", "not valid TOML"),
        ("crf = 3\n", "outside any profile"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    own = tmp_path / "profiles.toml"
    own.write_text(text)
    with pytest.raises(BadProfile, match=words):
        profile_files.load([own])


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="nowhere"):
        profile_files.load([tmp_path / "nowhere"])


def test_the_environment_names_files_before_the_config_folder_does(tmp_path: Path) -> None:
    config = tmp_path / "fallow" / "profiles.toml"
    config.parent.mkdir()
    config.write_text("")
    assert profile_files.user_files({"XDG_CONFIG_HOME": str(tmp_path)}) == [config]
    assert profile_files.user_files({"XDG_CONFIG_HOME": str(tmp_path), "FALLOW_PROFILES": "a:b"}) == [
        Path("a"),
        Path("b"),
    ]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadProfile, match="did you mean 1080p"):
        profile_files.find(BUILT_IN, "1080")


def test_average_bit_rate_is_refused_for_short_chunks() -> None:
    profile = Profile(name="abr", bitrate_kbps=2000)
    check_chunks(profile, 10)
    with pytest.raises(BadProfile, match="chunks of 5 s"):
        check_chunks(profile, 5)


def test_a_low_frame_rate_is_refused_for_chunks_that_could_come_out_empty() -> None:
    with pytest.raises(BadProfile, match="chunks of 4 s or more"):
        check_chunks(Profile(name="slides", fps=Fraction(1)), 2)


def test_a_level_that_the_source_breaks_is_refused_with_the_lowest_that_fits() -> None:
    profile = Profile(name="tv", level="4.1", profile="high", crf=21)
    check_level(profile, 1920, 1080, Fraction(30))
    with pytest.raises(BadProfile, match=r"1920x1080 at 60 .* set 4\.2 or higher"):
        check_level(profile, 1920, 1080, Fraction(60))


def test_a_level_allows_the_high_profile_a_quarter_more_bits() -> None:
    high = Profile(name="a", level="4", profile="high", crf=21, maxrate_kbps=25000)
    check_level(high, 1280, 720, Fraction(25))
    with pytest.raises(BadProfile, match="bit rate"):
        check_level(replace(high, profile="main"), 1280, 720, Fraction(25))


def test_another_codec_takes_nothing_over_that_is_in_the_terms_of_the_first() -> None:
    changed = profile_files.override(BUILT_IN["1080p"], ["codec=libsvtav1", "preset=6", "audio.codec=none"])
    assert (changed.preset, changed.profile, changed.crf, changed.maxrate_kbps) == ("6", "", None, 5850)
    assert changed.audio == Audio("none")
    lossless = profile_files.override(BUILT_IN["1080p"], ["audio.codec=flac"])
    assert lossless.audio == Audio("flac", None, 6)
    assert profile_files.override(BUILT_IN["1080p"], ["codec=libx265", "crf=24"]).crf == 24


def test_a_profile_built_on_another_with_another_codec_too(tmp_path: Path) -> None:
    own = tmp_path / "profiles.toml"
    own.write_text('[small]\nbased_on = "1080p"\ncodec = "libx265"\n[small.audio]\ncodec = "copy"\n')
    small = profile_files.load([own])["small"]
    assert (small.preset, small.profile, small.crf, small.width) == ("", "", None, 1920)
    assert small.audio == Audio("copy")
