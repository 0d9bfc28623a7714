"""Find FFmpeg and ask it what it is."""

from __future__ import annotations

import hashlib
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
WAYS = {  # where packages come from, by the program that brings them
    "pkg": "pkg install ffmpeg",
    "apt": "sudo apt install ffmpeg",
    "dnf": "sudo dnf install ffmpeg-free",
    "pacman": "sudo pacman -S ffmpeg",
    "apk": "sudo apk add ffmpeg",
    "zypper": "sudo zypper install ffmpeg",
    "brew": "brew install ffmpeg",
    "winget": "winget install ffmpeg",
}


@dataclass(frozen=True)
class Build:
    """One FFmpeg binary."""

    path: str
    version: str
    digest: str  # of all that it says of itself: version, compiler, options, libraries
    encoders: tuple[str, ...]  # and the filter that measures quality, if it has that

    @property
    def name(self) -> str:
        """What is kept with each part, and tells builds of one version apart."""
        return f"{self.version} build {self.digest}"


def remedy() -> str:
    """What to do where there is none that works."""
    way = next((WAYS[name] for name in WAYS if shutil.which(name)), "")
    by = f"with `{way}`, or " if way else ""
    return f"install FFmpeg 5.1 or newer ({by}from https://ffmpeg.org/download.html), or {OTHER}"


def find(explicit: str = "") -> str:
    """The binary to use: the one asked for, else the one of the package imageio-ffmpeg, else PATH's."""
    if explicit:
        found = shutil.which(explicit)
        if found is None and Path(explicit).is_file():
            raise NoFfmpeg(f"{explicit} may not be executed; make it executable, or {OTHER}.")
        if found is None:
            raise NoFfmpeg(f"There is no program {explicit}; {remedy()}.")
        return found
    inside = packaged()
    found = inside or shutil.which("ffmpeg")
    if not found:
        raise NoFfmpeg(f"No FFmpeg was found; {remedy()}.")
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
        raise NoFfmpeg(f"{path} does not answer as FFmpeg does; {remedy()}.")
    names = re.findall(rb"^ [VAS][F.][S.][X.][B.][D.] (\S+)", answer.stdout, re.MULTILINE)
    told = [name.decode() for name in names if name != b"="]
    digest = hashlib.sha256(answer.stderr).hexdigest()[:8]
    return Build(path, version[1].decode(), digest, (*told, *_measuring(path)))


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
        raise NoFfmpeg(f"{path} does not work as FFmpeg ({error}); {remedy()}.") from error
