"""What several unit tests work on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from acting_gateway import FRAMES, Gateway
from growing import joining, parts, still  # noqa: F401 - fixtures of several
from job_steps import ctx  # noqa: F401 - a fixture of many

from fallow.ffmpeg.locate import find


@pytest.fixture(scope="session")
def chunk() -> bytes:
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", str(FRAMES)]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-qp", "5"]
    place = ["-output_ts_offset", "10", "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts", "-"]
    done = subprocess.run([find(), "-v", "error", *source, *encode, *place], capture_output=True, check=True)
    assert len(done.stdout) > 300_000  # several times what pipes and sockets hold
    return done.stdout


@pytest.fixture
def gateway(chunk: bytes) -> Iterator[Gateway]:
    made = Gateway(chunk)
    yield made
    made.stop()
