"""Experiments: what their files may say, how their records last, and what is made of them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fallow.errors import BadSetting
from fallow.lab import figures, matrix, plan, record
from fallow.lab.page import page
from fallow.lab.plan import Crew
from fallow.lab.record import FORMAT, Head, Record, Run, Trouble, Work
from fallow.profile_files import load

HEAD = Head(FORMAT, "1.0", "attic", 1.0, 0.36, "EUR")
WORK = Work("local-1", "server", "x86", 4, 250, 10.0, 9.0, 1000)
RUN = Run("a.mp4", "720p", "1 agent", 1, 1, 1.0, 10.0, 250, 10.0, 1280, 720, (WORK,))
PHONE = Work("phone", "phone", "arm", 4, 250, 25.0, 24.0, 1000, 50.0, ("battery",))


@pytest.fixture
def written(tmp_path):
    (tmp_path / "b.mp4").touch()
    (tmp_path / "a.mp4").touch()

    def writing(text):
        path = tmp_path / "e.toml"
        path.write_text(text)
        return path

    return writing


def test_an_experiment_is_every_source_with_every_profile_by_every_crew_in_turn(written):
    file = written('sources = ["*.mp4"]\nprofiles = ["720p", "480p"]\nworkers = [1, 4]\nrepetitions = 2')
    tries = list(matrix.tries(plan.read(file, load())))
    assert len(tries) == 2 * 2 * 2 * 2
    assert [one.place for one in tries[:5]] == [
        ("a.mp4", "720p", "1 agent", 1),
        ("a.mp4", "480p", "1 agent", 1),
        ("b.mp4", "720p", "1 agent", 1),
        ("b.mp4", "480p", "1 agent", 1),
        ("a.mp4", "720p", "4 agents", 1),
    ]
    assert {one.repetition for one in tries[8:]} == {2}


def test_a_servers_crews_are_named(written):
    text = 'sources = ["a.mp4"]\nprofiles = ["720p"]\nserver = "http://s"\nworkers = [["phone", "attic"], []]'
    crews = plan.read(written(text), load()).crews
    assert crews == (Crew(names=("phone", "attic")), Crew())
    assert [crew.label for crew in crews] == ["phone + attic", "all workers"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('profiles = ["720p"]', "sources is missing"),
        ('sources = ["nix.mp4"]\nprofiles = ["720p"]', "no source nix.mp4"),
        ('sources = ["a.mp4"]\nprofiles = ["721p"]', "did you mean 720p"),
        ('sources = ["a.mp4", "a.mp4"]\nprofiles = ["720p"]', "two sources are called a.mp4"),
        ('sources = ["a.mp4"]\nprofiles = ["720p"]\nworkers = ["phone"]', "numbers of agents"),
        ('sources = ["a.mp4"]\nprofiles = ["720p"]\nworkers = [0]', "numbers of agents"),
        ('sources = ["a.mp4"]\nprofiles = ["720p"]\nworkers = [2]\nserver = "http://s"', "lists of names"),
        ('sources = ["a.mp4"]\nprofiles = ["720p"]\nrepetitions = 0', "from 1 to 1000"),
        ('sources = ["a.mp4"]\nprofiles = ["720p"]\nrepetition = 2', "did you mean repetitions"),
        ("sources = [", "no TOML"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(written, text, told):
    with pytest.raises(BadSetting) as raised:
        plan.read(written(text), load())
    assert "e.toml" in str(raised.value)
    assert told in str(raised.value)


def test_a_record_goes_on_after_a_line_that_was_broken_off(tmp_path):
    path = tmp_path / "e.jsonl"
    record.begin(path, HEAD)
    record.add(path, RUN)
    with path.open("a") as file:
        file.write('{"source": "a.mp4", "pro')
    assert record.begin(path, replace(HEAD, host="other")) == Record(HEAD, (RUN,))
    second = replace(RUN, repetition=2, works=(WORK, PHONE), troubles=(Trouble("x", 2),))
    record.add(path, second)
    assert record.read(path) == Record(HEAD, (RUN, second))


@pytest.mark.parametrize("text", ["", "no record\n", '{"format": 1}\n'])
def test_another_file_is_no_record(tmp_path, text):
    path = tmp_path / "e.jsonl"
    path.write_text(text)
    with pytest.raises(BadSetting, match="no record of an experiment"):
        record.read(path)


def test_a_record_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "e.jsonl"
    record.begin(path, replace(HEAD, format=FORMAT + 1, fallow="9.0"))
    with pytest.raises(BadSetting, match="newer Fallow"):
        record.begin(path, HEAD)


def test_performance_is_a_mean_with_its_spread():
    slow, failed = replace(RUN, repetition=2, seconds=14.0), replace(RUN, repetition=3, error="No.")
    (made,) = figures.performances([RUN, slow, failed])
    assert (made.runs, made.seconds, made.speed) == (2, 12.0, pytest.approx(10 / 12))
    assert made.spread == pytest.approx(2.828, abs=0.001)
    assert made.joules is None
    assert figures.performances([RUN])[0].spread is None  # one run says nothing of it


def test_devices_are_told_apart_and_their_energy_is_never_guessed():
    server, phone = figures.devices([replace(RUN, works=(WORK, PHONE))], 0.36)
    assert (server.device, server.fps, server.joules_per_frame, server.cost) == ("server (x86)", 25.0, None, None)
    assert (phone.device, phone.fps, phone.joules_per_frame) == ("phone (arm)", 10.0, 0.2)
    assert phone.meters == "battery"
    assert phone.cost == pytest.approx(0.2 * 25 * 3600 / 3.6e6 * 0.36)
    unknown = replace(PHONE, worker="other", joules=None, meters=())
    (mixed,) = figures.devices([replace(RUN, works=(PHONE, unknown))])
    assert mixed.joules is None


def test_scaling_is_over_the_fewest_agents():
    runs = [RUN, replace(RUN, crew="2 agents", agents=2, seconds=5.5)]
    assert [(one.agents, one.speedup, one.efficiency) for one in figures.scalings(runs)] == [
        (1, 1.0, 1.0),
        (2, pytest.approx(1.818, abs=0.001), pytest.approx(0.909, abs=0.001)),
    ]
    assert figures.scalings([RUN]) == []


class Whole(HTMLParser):
    """Sees what a page loads, and whether its marks are closed."""

    def __init__(self):
        super().__init__()
        self.loaded, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]

    def handle_data(self, data):
        self.text += data


def test_a_page_needs_nothing_else_and_means_what_it_says():
    evil = replace(RUN, source="<script>alert(1)</script>.mp4", works=(WORK, PHONE))
    runs = (evil, replace(evil, crew="2 agents", agents=2, seconds=6.0, troubles=(Trouble("it <b>died</b>", 3),)))
    made = page(Record(HEAD, (*runs, replace(RUN, error="It is no video."))))
    seen = Whole()
    seen.feed(made)
    assert seen.loaded == []
    assert "<script" not in made
    assert "<b>" not in made
    assert re.findall(r"@import|url\((?!#)", made) == []
    assert made.count("<svg") == made.count("</svg>") == 5
    for words in ("EUR / h of video", "1 run failed", "It is no video.", "it <b>died</b>", "battery"):
        assert words in seen.text


def test_modelled_energy_is_called_so():
    made = page(Record(HEAD, (replace(RUN, works=(replace(PHONE, meters=("model",)),)),)))
    assert "was not measured" in made
    assert "was not measured" not in page(Record(HEAD, (replace(RUN, works=(PHONE,)),)))
