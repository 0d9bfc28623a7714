"""What a joiner holds in memory while a result grows does not grow with what the frames of the video hold."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "join_overlap.py"
ONE_MINUTE = 6  # chunks
ROOM = 16.0  # MB: what is remembered of each frame, and what memory is never quite given back


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("join_overlap", BENCH)
    module = sys.modules["join_overlap"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("container", ["mp4", "hls"])
def test_ten_times_the_video_needs_no_more_memory(bench, tmp_path, container):
    bench.a_part(tmp_path / "part.ts")
    short = bench.apart(tmp_path, container, ONE_MINUTE, "overlapped")
    long = bench.apart(tmp_path, container, 10 * ONE_MINUTE, "overlapped")
    assert long.size > 9 * short.size
    assert long.peak < short.peak + ROOM < long.size
