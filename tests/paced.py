"""FFmpeg at the pace of a slow device, without its costs: encodes take a known time on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clips.maker import FFMPEG


def paced(folder: Path, speeds: Mapping[str, float]) -> str:
    """A program that encodes pictures at so many times real time, by words that its command line has."""
    path = folder / "paced-ffmpeg"
    cases = [
        f'*" -map 0:v:0 "*"{words}"*) exec {FFMPEG} -readrate {speed:g} "$@";;\n' for words, speed in speeds.items()
    ]
    path.write_text(f'#!/bin/sh\ncase " $* " in\n{"".join(cases)}esac\nexec {FFMPEG} "$@"\n')
    path.chmod(0o755)
    return str(path)
