"""FFmpeg is found, told apart from others of its version, and asked for in a sentence that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallow.errors import NoFfmpeg
from fallow.ffmpeg import locate


def test_builds_of_one_version_are_told_apart(tmp_path: Path) -> None:
    """And a build is always called the same."""

    def name(file: str, libraries: str) -> str:
        path = tmp_path / file
        path.write_text(f'#!/bin/sh\nprintf "ffmpeg version 7.1 Copyright\\n{libraries}\\n" >&2\n')
        path.chmod(0o755)
        return locate.examine(str(path)).name

    assert name("one", "libavcodec 61").startswith("7.1 build ")
    assert name("two", "libavcodec 61") == name("three", "libavcodec 61") != name("four", "libavcodec 62")


def test_who_has_no_ffmpeg_is_told_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoFfmpeg, match=r"newer \(from https://ffmpeg.org/download.html\)"):
        locate.find("/no/such")
    for program, words in (
        ("apt", "with `sudo apt install ffmpeg`, or from"),
        ("pkg", "with `pkg install ffmpeg`, or"),
    ):
        (tmp_path / program).touch(0o755)
        with pytest.raises(NoFfmpeg, match=words):
            locate.find("/no/such")
