"""Find FFmpeg and ask it what it is."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fallow.catalogue import MEASURE
from fallow.errors import NoFfmpeg
from fallow.ffmpeg.process import POSIX
from fallow.ffmpeg.quality import TABLE

ANSWER_SECONDS = 30
OTHER = "name one that works with --ffmpeg or FALLOW_FFMPEG"
REMEDY = f"install FFmpeg 5.1 or newer, or {OTHER}"


@dataclass(frozen=True)
class Build:
    """One FFmpeg binary."""

    path: str
    version: str
    encoders: tuple[str, ...]  # and the filter that measures quality, if it has that


def find(explicit: str = "") -> str:
    """The binary to use: the one asked for, else the one of the package imageio-ffmpeg, else PATH's."""
    if explicit:
        found = shutil.which(explicit)
        if found is None and Path(explicit).is_file():
            raise NoFfmpeg(f"{explicit} may not be executed; make it executable, or {OTHER}.")
        if found is None:
            raise NoFfmpeg(f"There is no program {explicit}; {REMEDY}.")
        return found
    inside = packaged()
    found = inside or shutil.which("ffmpeg")
    if not found:
        raise NoFfmpeg(f"No FFmpeg was found; {REMEDY}.")
    return found


def packaged() -> str:
    """imageio-ffmpeg's binary, without importing that package."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            if os.access(path, os.X_OK):
                return str(path)
    return ""


@lru_cache(maxsize=8)
def examine(path: str) -> Build:
    """Version and encoders, from one run: the version is on stderr, the list on stdout."""
    answer = _asked(path, "-encoders")
    version = re.search(rb"ffmpeg version (\S+)", answer.stderr)
    if answer.returncode or not version:
        raise NoFfmpeg(f"{path} does not answer as FFmpeg does; {REMEDY}.")
    names = re.findall(rb"^ [VAS][F.][S.][X.][B.][D.] (\S+)", answer.stdout, re.MULTILINE)
    told = [name.decode() for name in names if name != b"="]
    return Build(path, version[1].decode(), (*told, *_measuring(path)))


def _measuring(path: str) -> list[str]:
    """The filter that measures, where there is one; not every system has its table's file, and its second inlet."""
    found = re.search(rf"^ \S+ +{MEASURE} ".encode(), _asked(path, "-filters").stdout, re.MULTILINE)
    return [MEASURE] if found and POSIX and os.path.exists(TABLE) else []


def _asked(path: str, question: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [path, question], stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoFfmpeg(f"{path} does not work as FFmpeg ({error}); {REMEDY}.") from error
