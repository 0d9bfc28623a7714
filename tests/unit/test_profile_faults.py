"""Everything that is wrong with a profile is told by its fields."""

import pytest

from fallow.messages import to_wire
from fallow.pipeline.profile_faults import faults
from fallow.profile_files import load
from fallow.profiles import Profile

FINE = to_wire(Profile("small", width=64, height=64, crf=30.0))


def fields(**changes):
    return [fault.field for fault in faults(FINE | changes)]


@pytest.mark.parametrize("profile", load().values(), ids=lambda profile: profile.name)
def test_built_in_profiles_have_none(profile):
    assert faults(to_wire(profile) | {"source": "built-in"}) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name": "a b"}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"crf": 99.0}, ["crf"]),
        ({"crf": "x", "width": "wide"}, ["width", "crf"]),
        ({"crf": 99.0, "width": 1, "audio": {"bitrate_kbps": 1}}, ["width", "crf", "audio.bitrate_kbps"]),
        ({"bitrate_kbps": 1000}, ["bitrate_kbps"]),
        ({"codec": "none", "preset": "8", "pixel_format": "yuv420p"}, ["codec"]),
        ({"preset": "8"}, ["preset"]),
        ({"extra": [["aq-mode", "1"], ["nonsense", "1"]]}, ["extra.nonsense"]),
        ({"filters": [{"name": "nonsense", "options": []}]}, ["filters"]),
        ({"fps": "25", "max_fps": "30"}, ["max_fps"]),
        ({"fps": "fast"}, ["fps"]),
        ({"audio": {"codec": "none", "channels": 2}}, ["audio.channels"]),
        ({"audio": {"codec": "nonsense", "channels": 2}}, ["audio.codec"]),
        ({"audio": 5}, ["audio"]),
    ],
)
def test_each_is_told_with_its_field(changes, found):
    assert fields(**changes) == found


def test_what_is_no_profile_at_all_has_faults_too():
    assert [fault.field for fault in faults({})] == ["name"]
    assert all(fault.message for fault in faults(dict.fromkeys(FINE)))


def test_the_sentence_names_value_and_remedy():
    (fault,) = faults(FINE | {"crf": 99.0})
    assert fault.message == "crf = 99.0 is out of range; choose from 0 to 51."
    (fault,) = faults(FINE | {"width": "wide"})
    assert fault.message == "This must be a whole number."
