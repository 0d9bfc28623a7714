"""The map of a job's chunks: one letter for each, however many there are."""

import dataclasses
import json

import pytest
from job_steps import SOURCE

from fallow.messages import to_wire
from fallow.model import JobState, piece_number
from fallow.overview import Cell
from fallow.records import Job, Rendition
from fallow.services.charts import drawn
from fallow.services.maps import MapView
from fallow.services.watcher import differences

NAMES = ("1080p", "720p", "480p")


def a_job(state=JobState.ENCODING, source=SOURCE):
    wanted = tuple(Rendition("j", name, {"name": name}) for name in NAMES)
    return Job("j", "film.mov", state, 1.0, 1.0, {"chunk_seconds": 2.0}, "s", source, wanted, "", "")


def cell(number, state, failed=0, worker="", done=0, name="720p"):
    return Cell(name, number, state, failed, worker, done, 250)


@pytest.mark.parametrize(
    ("state", "failed", "letter"),
    [
        ("planned", 0, "p"),
        ("planned", 1, "r"),
        ("queued", 0, "q"),
        ("queued", 1, "q"),
        ("leased", 0, "l"),
        ("done", 0, "d"),
        ("dead", 1, "x"),
    ],
)
def test_each_state_has_its_letter(state, failed, letter):
    assert drawn(a_job(), [cell(1, state, failed)], []).letters["720p"] == f".{letter}"


def test_how_many_chunks_there_will_be_is_estimated_while_the_source_is_cut():
    assert drawn(a_job(JobState.SPLITTING), [], []).chunks == 2  # of three seconds, two each
    assert drawn(a_job(JobState.SPLITTING), [cell(6, "planned")], []).chunks == 7
    assert drawn(a_job(JobState.UPLOADING, None), [], []).letters == dict.fromkeys(NAMES, "")


def test_what_is_of_no_rendition_any_more_is_not_shown():
    assert drawn(a_job(), [cell(0, "done", name="240p"), cell(0, "done")], []).letters["720p"] == "d"


def test_ten_thousand_chunks_of_three_renditions_are_less_than_a_hundred_kilobytes():
    cells = [
        cell(number, "leased" if number >= 9900 else "done", worker=f"w{number % 100}", done=125, name=name)
        for name in NAMES
        for number in range(10_000)
    ]
    found = drawn(a_job(), cells, [f"w{number}" for number in range(100)])
    at = {name: {number: found.at[name, number] for number in range(9900, 10_000)} for name in NAMES}
    view = MapView(found.chunks, list(NAMES), found.letters, [], at)
    assert len(json.dumps(to_wire(view))) < 100_000
    assert found.at["480p", 9901] == (1, 0.5)


@pytest.mark.parametrize(
    ("states", "letter"),
    [("done done", "d"), ("done planned", "p"), ("queued done", "q"), ("done leased", "l"), ("leased dead", "x")],
)
def test_a_divided_chunk_has_one_letter_for_all_of_it(states, letter):
    first, second = states.split()
    cells = [cell(0, "done"), cell(1, first, worker="w"), cell(piece_number(1, 8), second, worker="w", done=125)]
    for found in (drawn(a_job(), cells, ["w"]), drawn(a_job(), cells[::-1], ["w"])):
        assert found.letters["720p"] == f"d{letter}"
        assert set(found.at) == ({("720p", 1)} if "leased" in states else set())


def test_only_what_changed_is_told():
    before = drawn(a_job(), [cell(0, "leased", worker="w"), cell(1, "queued"), cell(2, "done")], ["w"])
    same = dataclasses.replace(before)
    assert list(differences(before, same)) == []
    cells = [
        cell(0, "leased", worker="w", done=50),
        cell(1, "leased", worker="v"),
        cell(2, "done"),
        cell(3, "planned"),
    ]
    now = drawn(a_job(), cells, ["w", "v"])
    assert [one for one in differences(before, now) if one[0] == "720p"] == [
        ["720p", 0, "l", 0, 0.2],
        ["720p", 1, "l", 1, 0.0],
        ["720p", 3, "p", None, 0.0],
    ]
