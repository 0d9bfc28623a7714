"""The legal moves of jobs and tasks."""

import pytest

from fallow.errors import IllegalMove
from fallow.model import Effort, JobState, TaskState


def test_a_job_walks_from_upload_to_done() -> None:
    state = JobState.UPLOADING
    for new in (JobState.SPLITTING, JobState.ENCODING, JobState.JOINING, JobState.DONE):
        state = state.to(new)
    assert state.ended


@pytest.mark.parametrize("state", [s for s in JobState if not s.ended])
def test_every_working_job_can_fail_and_be_cancelled(state: JobState) -> None:
    assert state.to(JobState.FAILED).ended
    assert state.to(JobState.CANCELLED).ended


def test_a_job_that_is_done_stays_done() -> None:
    with pytest.raises(IllegalMove, match="done cannot become encoding"):
        JobState.DONE.to(JobState.ENCODING)


def test_a_delivery_counts_even_after_its_lease_expired() -> None:
    assert TaskState.LEASED.to(TaskState.QUEUED).to(TaskState.DONE) is TaskState.DONE


def test_a_dead_task_comes_back_only_through_planning() -> None:
    assert TaskState.DEAD.moves == frozenset({TaskState.PLANNED})


def test_speed_of_an_attempt_without_time_is_zero() -> None:
    assert Effort(frames=10).fps == 0.0
    assert Effort(frames=10, wall_seconds=2.0).fps == 5.0
