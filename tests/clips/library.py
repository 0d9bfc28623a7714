"""All clips, and the folder they are kept in between runs."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from clips import containers, damage, gops, maker, picture, shapes, sound, sounds, texts, timing
from clips.maker import Clip, Maker

_FAMILIES = (containers, gops, timing, shapes, sounds, texts, damage)
CLIPS: list[Clip] = [clip for family in _FAMILIES for clip in family.CLIPS]
_LIMIT = 2 << 20


def base() -> Path:
    """Where clips are kept: FALLOW_TEST_CLIPS, or a folder beside other temporary files."""
    return Path(
        os.environ.get("FALLOW_TEST_CLIPS") or Path(tempfile.gettempdir(), f"fallow-test-clips-{os.getuid()}")
    )


def _folder(family: ModuleType) -> Path:
    """A family's clips are as old as its generator, what that works with, and the FFmpeg that made them."""
    sources = [Path(str(module.__file__)) for module in (family, maker, picture, sound)]
    content = b"".join(source.read_bytes() for source in sources) + Path(maker.FFMPEG).name.encode()
    return base() / f"{family.__name__.rpartition('.')[2]}-{hashlib.sha256(content).hexdigest()[:12]}"


def build(clips: Sequence[Clip] = CLIPS) -> dict[str, Path]:
    """Make what is missing; the path of each clip by its name."""
    folders = {clip.name: _folder(family) for family in _FAMILIES for clip in family.CLIPS}
    for folder in set(folders.values()):
        folder.mkdir(parents=True, exist_ok=True)
    paths = {clip.name: folders[clip.name] / clip.file for clip in clips}
    missing = [clip for clip in clips if not paths[clip.name].exists()]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for made in [pool.submit(_make, clip, paths[clip.name]) for clip in missing]:
            made.result()
    return paths


def _make(clip: Clip, target: Path) -> None:
    """Whole or not at all, however many runs make clips at once."""
    work = Path(tempfile.mkdtemp(prefix=f"{clip.name}-", dir=target.parent))
    try:
        made = work / clip.file
        clip.make(Maker(work), made)
        if made.stat().st_size > _LIMIT:
            raise RuntimeError(f"{clip.file} has {made.stat().st_size} bytes; clips stay below {_LIMIT}.")
        made.replace(target)
    except BaseException as error:
        raise RuntimeError(f"{clip.name} could not be made: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
