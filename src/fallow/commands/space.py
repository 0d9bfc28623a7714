"""Room on the disks: what an encode needs for certain, what it will probably need, and what is free."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fallow.commands.outputs import Output
from fallow.errors import StorageFull
from fallow.model import Source
from fallow.profiles import Profile

_OWN = 256 << 10  # bytes of the ledger and the agents' archive, before there is any work
_RESULT = 4 << 10  # bytes that no result is smaller than
_STATE = "name another place with the environment variable FALLOW_STATE"
_OUTPUT = "choose another -o"


def check(folder: Path, outputs: Sequence[Output]) -> None:
    """Raises StorageFull when the work, in this folder, or its results are certain not to fit."""
    inputs = {output.source for output in outputs}
    # A source is linked in where that is possible. Its chunks are as large as what is encoded of it: most of it,
    # but there may be tracks that nobody wants. What an earlier run has left here need not be written again.
    sizes = {path: path.stat().st_size for path in inputs}
    needed = sum(size // 2 + (0 if _together(path, folder) else size) for path, size in sizes.items())
    _refuse(folder, _OWN + needed - _held(folder), _STATE)
    for place in {output.path.absolute().parent for output in outputs}:
        if not _together(place, folder):  # else a result is linked there
            _refuse(place, _RESULT, _OUTPUT)


def warnings(folder: Path, source: Source, outputs: Sequence[Output]) -> list[str]:
    """Sentences about disks that will probably be too small, now that it is known what the source is."""
    made = sum(_expected(source, output.profile) for output in outputs)
    # Beside the chunks there are the parts and, before they go, what is joined of them.
    tight = [_tight(folder, source.size * 6 // 5 + 2 * made - _held(folder), _STATE)]
    place = outputs[0].path.absolute().parent
    if not _together(place, folder):
        tight.append(_tight(place, made, _OUTPUT))
    return [sentence for sentence in tight if sentence]


def free(folder: Path) -> int:
    """Bytes that may still be written to the disk of a folder, which need not be there yet."""
    return shutil.disk_usage(_there(folder)).free


def _expected(source: Source, profile: Profile) -> int:
    """About how large a result will be; capped quality mostly stays far below its cap."""
    video = profile.bitrate_kbps or (profile.maxrate_kbps or 0) / 2
    sound = (profile.audio.bitrate_kbps or 0) * len(source.audio)
    return round(float(source.duration) * (video + sound) * 125)


def _refuse(folder: Path, needed: int, remedy: str) -> None:
    if (left := free(folder)) < needed:
        raise StorageFull(
            f"The disk of {folder} has {_megabytes(left)} free, but at least {_megabytes(needed)} are needed "
            f"there; make room, or {remedy}."
        )


def _tight(folder: Path, needed: int, remedy: str) -> str:
    if (left := free(folder)) >= needed:
        return ""
    return (
        f"The disk of {folder} has {_megabytes(left)} free, and about {_megabytes(needed)} will be needed there; "
        f"make room while this runs, or {remedy}."
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"


def _held(folder: Path) -> int:
    """Bytes that lie below a folder already."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(place, name).stat().st_size
    return total


def _together(first: Path, second: Path) -> bool:
    """Whether both are on one file system."""
    return _there(first).stat().st_dev == _there(second).stat().st_dev


def _there(path: Path) -> Path:
    """The path, or the closest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
