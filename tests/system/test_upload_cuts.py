"""Uploads over a bad line, by the client that `fallow submit` is."""

from __future__ import annotations

from pathlib import Path

from cluster.uploading import MIB, trial


def test_a_source_comes_whole_over_a_line_that_is_cut_and_from_a_gateway_that_is_killed(tmp_path: Path) -> None:
    report = trial(tmp_path, 32 * MIB, cuts=6, seed=5)
    assert report.same
    assert sorted(report.cuts) == ["kill", "kill", "reset", "reset", "silence", "silence"]
    assert report.lost >= 4  # two cuts may fall into one request
    assert report.peak < report.before + 100 * MIB
