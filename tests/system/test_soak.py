"""Agents that come and go for a short while; bench/soak.py does it for an hour."""

from soak.trial import Plan, trial


def test_nothing_is_lost_and_nothing_is_left_by_agents_that_come_and_go(tmp_path):
    report = trial(tmp_path, Plan(seed=4, seconds=10.0, agents=3, at_once=2, every=2.0, pause=0.0))
    assert report.faults == []
    assert report.done
    assert {"came", "unplugged"} < set(report.deeds)
