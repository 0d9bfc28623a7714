"""An FFmpeg that is none is told at once, whoever was to use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "encode": ["encode", "{clip}", "-p", "480p", "-o", "{out}", "--workers", "1"],
    "up": ["up", "--port", "0", "--data", "{data}", "--workers", "1"],
    "worker": ["worker", "http://127.0.0.1:1", "--token", "t"],
}


def missing(path: Path) -> None:
    pass


def not_executable(path: Path) -> None:
    path.write_text("#!/bin/sh\n")


def another_program(path: Path) -> None:
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o755)


def no_program(path: Path) -> None:
    path.write_bytes(b"\x7fELF and nothing else")
    path.chmod(0o755)


@pytest.mark.parametrize("kind", [missing, not_executable, another_program, no_program])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_ffmpeg_that_is_none_is_told_at_once(command, kind, clip, tmp_path):
    binary = tmp_path / "my ffmpeg"
    kind(binary)
    places = {"clip": clip, "out": tmp_path / "out.mp4", "data": tmp_path / "data"}
    words = [word.format(**places) for word in COMMANDS[command]]
    done = subprocess.run(
        [sys.executable, "-m", "fallow", *words, "--ffmpeg", str(binary)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    assert str(binary) in sentence
    assert "--ffmpeg" in sentence
    assert not (tmp_path / "out.mp4").exists()
