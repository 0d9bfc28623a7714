"""Three hosts, of which two are at the ends of bad lines: what they make is whole, and in time."""

from network.line import Quality
from network.trial import Plan, trial

LINES = {
    "near": Quality(delay=50.0, jitter=15.0, loss=5.0, rate=8.0),
    "far": Quality(delay=100.0, jitter=30.0, loss=10.0, rate=2.0),
}


def test_a_job_over_bad_lines_one_of_which_is_cut_in_its_middle_is_exact(tmp_path):
    report = trial(tmp_path, Plan(LINES, jobs=2, cut="far", lease_seconds=6.0))
    assert report.faults == []
    assert {report.outcomes["video", outcome] for outcome in ("expired", "cancelled")} != {0}
    assert report.lost > 0.03
    assert 0 < report.counted < report.sent
