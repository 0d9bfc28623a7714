"""Packages of npm in the versions of a lock file: installed once, beside other temporary files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from servers import need

_LISTS = ("package.json", "package-lock.json", ".npmrc")
_PATIENCE = 300  # seconds


def modules(lists: Path, place: Path, and_then: Callable[[Path], object] = lambda modules: None) -> Path:
    """The folder node_modules of what a folder's lock file names, below `place`; one process installs it (and does
    with it what else is to be done once), others wait."""
    need("npm")
    content = b"".join((lists / name).read_bytes() for name in _LISTS)
    folder = place / hashlib.sha256(content).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _install(lists, folder)
            and_then(folder / "node_modules")
            (folder / "whole").touch()
    return folder / "node_modules"


def beside(name: str) -> Path:
    """A place for them among this user's temporary files."""
    return Path(tempfile.gettempdir(), f"fallow-test-{name}-{os.getuid()}")


def _install(lists: Path, folder: Path) -> None:
    for name in _LISTS:
        shutil.copy(lists / name, folder)
    # Scripts of packages are not needed: all that is used here comes built.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE)
