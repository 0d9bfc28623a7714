"""FFmpeg at the pace of a slow device, without its costs: encodes take a known time on any machine."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from clips.library import base
from clips.maker import FFMPEG


def paced(speeds: Mapping[str, float]) -> str:
    """A program that encodes pictures at so many times real time, by words that its command line has."""
    cases = [
        f'*" -map 0:v:0 "*" {words} "*) exec {FFMPEG} -readrate {speed:g} "$@";;\n'
        for words, speed in speeds.items()
    ]
    script = f'#!/bin/sh\ncase " $* " in\n{"".join(cases)}esac\nexec {FFMPEG} "$@"\n'
    path = base() / f"ffmpeg-{hashlib.sha256(script.encode()).hexdigest()[:12]}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:
            part.write(script)
        Path(part.name).chmod(0o755)
        Path(part.name).replace(path)
    return str(path)
