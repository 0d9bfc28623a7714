"""Which slow attempts get a rival."""

import math

import pytest

from fallow.pipeline.hedge import Rules, candidates, extra_work, quicker, seconds_left, typical
from fallow.records import Race, Running

RULES = Rules()
NOW = 1000.0


def a_lease(task="t", worker="w", done=0, fps=0.0, began=900.0, heard=NOW, frames=100, second=None):
    until = heard + RULES.lease_seconds
    return Running(task, f"lease of {task}", worker, 10.0, frames, done, fps, began, until, second=second)


def left(lease, pace=1.0):
    return seconds_left(lease, NOW, RULES, pace)


def test_time_left_is_by_progress():
    assert left(a_lease(done=50, fps=0.5)) == pytest.approx(100.0)
    assert left(a_lease(done=50, fps=0.5, heard=NOW - 10, began=890.0)) == pytest.approx(90.0)
    assert left(a_lease(done=100, fps=0.5)) == 0.0


def test_what_should_be_there_takes_longer_the_later_it_is():
    assert left(a_lease(done=90, fps=1.0, began=900.0, heard=NOW - 10)) == 0.0
    assert left(a_lease(done=90, fps=1.0, began=896.0, heard=NOW - 14)) == pytest.approx(8.0)


def test_what_has_become_slow_takes_longer_than_it_did():
    assert left(a_lease(done=50, fps=0.1)) == pytest.approx(250.0)
    assert left(a_lease(done=50, fps=0.0)) == math.inf


def test_what_has_not_begun_takes_all_the_time_that_its_work_takes():
    assert left(a_lease(began=999.0, heard=NOW)) == pytest.approx(10.0)
    assert left(a_lease(began=NOW - 60, heard=NOW)) == pytest.approx(60.0)  # and longer, the longer it does not


def test_what_tells_of_no_progress_is_expected_to_take_what_such_work_takes():
    assert left(a_lease(began=996.0, heard=996.0)) == pytest.approx(6.0)
    assert left(a_lease(frames=0, began=960.0)) == pytest.approx(60.0)  # late by 30 s: there is no telling


def test_a_silent_worker_is_lost():
    assert left(a_lease(done=99, fps=9.0, heard=NOW - RULES.silence - 1)) == math.inf


def test_the_usual_pace_is_that_in_the_middle():
    assert typical([], {}, RULES) == 0.0
    assert typical([a_lease(done=50, fps=0.5)], {"a": 1.0, "b": 3.0}, RULES) == 1.0


def test_the_slowest_come_first_and_none_twice():
    slow, slower = a_lease("slow", done=50, fps=0.5), a_lease("slower", done=10, fps=0.1)
    hedged = a_lease("hedged", done=1, fps=0.0, second=a_lease("hedged", "v", done=90, fps=5.0))
    nearly = a_lease("nearly", done=99, fps=1.0)
    race = Race((slow, slower, hedged, nearly), {"quick": 1.0}, 100.0)
    found = candidates(race, NOW, RULES)
    assert [lease.task for lease in found] == ["slower", "slow"]
    assert candidates(race, NOW, Rules(extra=0.0)) == []
    assert candidates(Race((slow,), {}, 100.0), NOW, RULES) == []  # nobody is known who would be quicker


def test_what_a_worker_did_before_says_how_long_it_takes():
    lease = a_lease(began=995.0, heard=995.0)
    for pace, found in ((0.1, [lease]), (1.0, [])):
        assert candidates(Race((lease,), {"w": pace, "quick": 1.0}, 100.0), NOW, RULES) == found


def test_a_rival_that_is_lost_or_slow_gives_its_place_to_a_quicker_one():
    for done, heard, may in ((90, NOW, False), (10, NOW, True), (90, NOW - 20, True)):
        second = a_lease("t", "v", done=done, fps=1.0, began=900.0, heard=heard)
        race = Race((a_lease(done=5, fps=0.1, second=second),), {"quick": 1.0}, 100.0)
        assert bool(candidates(race, NOW, RULES)) == may
        assert bool(extra_work(race.running[0], "quick", race, NOW, RULES)) == may
        assert extra_work(race.running[0], "v", race, NOW, RULES) is None


def test_what_a_replaced_rival_did_is_in_vain_as_well():
    second = a_lease("t", "v", done=30, fps=0.1)
    race = Race((a_lease(done=50, fps=0.0, second=second),), {"quick": 1.0}, 100.0)
    assert extra_work(race.running[0], "quick", race, NOW, RULES) == pytest.approx(
        10.0 * (0.3 + 0.5 + 0.5 * 10 / 350)
    )


@pytest.mark.parametrize(
    ("worker", "asked", "waits"),
    [
        ("quick", (), False),
        ("slow", (), True),
        ("new", (), True),  # expected to be as quick as most
        ("slow", ("quick",), True),
        ("slow", ("slow",), False),  # asked again, and nobody quicker has answered
        ("slow", ("slow", "quick"), True),
        ("quick", ("quick", "slow"), False),
    ],
)
def test_the_quickest_of_those_who_are_free_is_waited_for(worker, asked, waits):
    race = Race((a_lease(worker="busy"),), {"quick": 1.0, "slow": 0.2, "slower": 0.1, "busy": 5.0}, 100.0)
    assert quicker(race.running[0], worker, race, RULES, asked) == waits


def test_nothing_is_begun_that_the_share_does_not_allow():
    lease = a_lease(done=50, fps=0.0)
    for hedged, may in ((5.0, True), (5.1, False)):
        race = Race((lease,), {"quick": 1.0}, 100.0, hedged)
        assert bool(candidates(race, NOW, RULES)) == may
        assert bool(extra_work(lease, "quick", race, NOW, RULES)) == may


@pytest.mark.parametrize(
    ("worker", "lease", "extra"),
    [
        ("quick", a_lease(done=50, fps=0.5), 10.0 * (0.5 + 0.5 * 10 / 100)),
        ("quick", a_lease(done=50, fps=0.0), 10.0 * 0.5),
        ("quick", a_lease(done=0, heard=NOW - 20), 10.0 * 0.1),  # nothing was done, yet it costs something
        ("quick", a_lease(done=90, fps=1.0), None),  # nearly done
        ("slow", a_lease(done=50, fps=0.5), None),  # the gain is too small
        ("w", a_lease(done=50, fps=0.0), None),  # the same worker
        ("new", a_lease(done=50, fps=0.0), 10.0 * 0.5),
    ],
)
def test_what_a_rival_costs_and_when_it_is_of_no_use(worker, lease, extra):
    race = Race((lease,), {"quick": 1.0, "slow": 0.11}, 100.0)
    assert extra_work(lease, worker, race, NOW, RULES) == (extra and pytest.approx(extra))


def test_workers_of_one_machine_are_no_rivals_unless_one_is_lost():
    one, other = "home" + 16 * "1", "home" + 16 * "2"
    slow, lost = a_lease(worker=one, done=50, fps=0.2), a_lease(worker=one, done=50, heard=NOW - 20)
    for lease, may in ((slow, False), (lost, True)):
        race = Race((lease,), {other: 1.0, 16 * "3": 1.0}, 100.0)
        assert (extra_work(lease, other, race, NOW, RULES) is not None) == may
        assert extra_work(lease, 16 * "3", race, NOW, RULES)
