"""Fallow as it would be if its stages waited for each other: for bench/first_playable.py to compare with."""

from __future__ import annotations

from typing import Any

from fallow.__main__ import run
from fallow.model import JobState
from fallow.pipeline import dispatch
from fallow.pipeline.context import Context
from fallow.pipeline.job_options import needs
from fallow.records import Job


async def never(*_arguments: Any) -> bool:
    """A file is begun when all its parts are there."""
    return False


async def when_whole(_ctx: Context, job: Job, board: dispatch._Board) -> bool:
    """So is a stream."""
    wanted = {need for rendition in job.renditions for need in needs(job, rendition)}
    return job.state is not JobState.SPLITTING and all(board.done(*need) for need in wanted)


if __name__ == "__main__":
    assert dispatch._may_begin
    assert dispatch._grows
    dispatch._may_begin, dispatch._grows = never, when_whole
    run()
