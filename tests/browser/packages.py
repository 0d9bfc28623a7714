"""The players: npm packages in the versions of package-lock.json, installed once, beside other temporary files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers import need

HERE = Path(__file__).parent
_LISTS = ("package.json", "package-lock.json", ".npmrc")
_PATIENCE = 300  # seconds


def modules() -> Path:
    """The folder node_modules; one process installs it, others wait."""
    need("npm")
    content = b"".join((HERE / name).read_bytes() for name in _LISTS)
    folder = Path(
        os.environ.get("FALLOW_TEST_PLAYERS") or Path(tempfile.gettempdir(), f"fallow-test-players-{os.getuid()}")
    )
    folder /= hashlib.sha256(content).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _install(folder)
            (folder / "whole").touch()
    return folder / "node_modules"


def _install(folder: Path) -> None:
    for name in _LISTS:
        shutil.copy(HERE / name, folder)
    # Scripts of packages are not needed: the players come built.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE)
