"""Jobs while everything is killed and started again; bench/chaos.py does it for longer."""

from __future__ import annotations

from pathlib import Path

from cluster.backends import Backends
from cluster.chaos import KINDS
from cluster.services import Layout
from cluster.trial import Plan, trial


def test_nothing_is_lost_nor_done_twice_whoever_is_killed(backends: Backends, tmp_path: Path) -> None:
    report = trial(backends, tmp_path, Plan(seed=3, jobs=4, at_once=3, every=1.5), Layout(agent=1))
    assert report.faults == []
    assert set(report.kills) == set(KINDS)
