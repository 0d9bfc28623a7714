"""Frames counted in passing, and streams that stop in the middle."""

from __future__ import annotations

import subprocess

import pytest

from fallow.ffmpeg.counting import counter
from fallow.ffmpeg.locate import find


def stream(container: str, codec: str) -> bytes:
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-frames:v", "37"]
    encode = ["-c:v", codec, *(["-preset", "veryfast"] if codec == "libx264" else ["-deadline", "realtime"])]
    done = subprocess.run(
        [find(), "-v", "error", *source, *encode, "-f", container, "-"], capture_output=True, check=True
    )
    return done.stdout


@pytest.fixture(scope="module", params=[("mpegts", "libx264"), ("matroska", "libx264"), ("matroska", "libvpx-vp9")])
def part(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    container, codec = request.param
    return container, stream(container, codec)


@pytest.mark.parametrize("piece", [1, 7, 188, 1000, 1 << 20])
def test_frames_are_counted_however_the_bytes_arrive(part: tuple[str, bytes], piece: int) -> None:
    container, data = part
    count = counter(container)
    for at in range(0, len(data), piece):
        count.feed(data[at : at + piece])
    count.finish()
    assert count.frames == 37


def test_an_end_in_the_middle_is_noticed(part: tuple[str, bytes]) -> None:
    container, data = part
    count = counter(container)
    count.feed(data[:-50])
    with pytest.raises(ValueError, match="in the middle"):
        count.finish()


@pytest.mark.parametrize("container", ["mpegts", "matroska"])
def test_something_else_is_refused(container: str) -> None:
    with pytest.raises(ValueError, match="This is no"):
        counter(container).feed(b"\0" * 1000)
