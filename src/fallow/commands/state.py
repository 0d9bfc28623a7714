"""Where `encode` keeps its unfinished work: a folder named by what is encoded, locked while somebody is at it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fallow.errors import BadSetting, Conflict

_KEPT_SECONDS = 7 * 24 * 3600  # what was killed and not taken up again by then never will be
_SAMPLE = 64 << 10  # bytes of each piece of the input that goes into its identity


def identity(path: Path) -> str:
    """Names the input's content without reading all of it: place, size, time of change and samples."""
    facts = path.stat()
    digest = hashlib.sha256(f"{path.resolve()}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
    with path.open("rb") as file:
        for place in (0, facts.st_size // 2, max(0, facts.st_size - _SAMPLE)):
            file.seek(place)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def key(inputs: Sequence[str], recipe: Mapping[str, Any]) -> str:
    """Equal for equal work: the inputs' identities and all that decides what is made of them."""
    text = json.dumps([list(inputs), dict(recipe)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def base(environment: Mapping[str, str] = os.environ) -> Path:
    """$FALLOW_STATE, else a folder in the person's cache."""
    if named := environment.get("FALLOW_STATE", ""):
        return Path(named)
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "fallow" / "encode"


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The folder, made if need be, while no other process has it; raises Conflict when one has."""
    handle = _lock(folder)
    try:
        yield folder
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Empty the folder, which stays locked."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove(folder: Path) -> None:
    """Leave nothing behind: the folder, and those above it that are Fallow's own and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    for above in (folder.parent, folder.parent.parent):
        with suppress(OSError):
            if above.name in ("encode", "fallow"):
                above.rmdir()


def sweep(parent: Path, now: float | None = None) -> None:
    """Remove what earlier runs left when they were killed and nobody took it up again for a week."""
    now = time.time() if now is None else now
    for folder in parent.iterdir() if parent.is_dir() else ():
        if len(folder.name) == 32 and folder.is_dir() and now - folder.stat().st_mtime > _KEPT_SECONDS:
            with suppress(Conflict, OSError), locked(folder):
                remove(folder)


def _lock(folder: Path) -> int:
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            remedy = "name another place with the environment variable FALLOW_STATE."
            raise BadSetting(f"The folder {folder} cannot be made ({error.strerror}); {remedy}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise Conflict("The same encode is running already; wait for it, or stop it first.") from None
        if _is_still(folder, handle):
            return handle
        os.close(handle)  # its last owner removed it while we were waiting


def _is_still(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
