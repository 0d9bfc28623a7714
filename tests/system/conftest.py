"""The clip of the system tests, and a job of it that is driven by hand."""

import functools
import subprocess

import case
import pytest
from watching import FFMPEG, RATE, SECONDS

from cluster.backends import Backends


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A few seconds of H.264 with open GOPs and B-frames, and sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    inputs = ["-f", "lavfi", "-i", f"testsrc2=s=192x108:r={RATE}:d={SECONDS}"]
    inputs += ["-f", "lavfi", "-i", f"sine=f=440:d={SECONDS}"]
    video = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-x264-params", "open-gop=1:bframes=2"]
    command = [FFMPEG, "-v", "error", *inputs, *video, "-pix_fmt", "yuv420p", "-c:a", "aac", "-y", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture
def run(tmp_path, clip):
    return functools.partial(case.running, tmp_path, clip)


@pytest.fixture(scope="session")
def backends():
    """The servers of a cluster."""
    with Backends() as servers:
        yield servers
