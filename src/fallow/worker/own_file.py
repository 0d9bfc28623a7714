"""The file that an agent runs from, and how it was started: what it needs to take another file's place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import zipimport
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import fallow
from fallow.errors import Rejected
from fallow.worker.kept import write
from fallow.worker.status import runs

TRIAL = "--try"
"""Has an agent say whether it could start so. Every version knows it: those that do not are not taken."""
TRIAL_SECONDS = 120.0  # on a phone with much to do
_NEXT = ".next.pyz"
LONGEST_WORD = 300  # characters of what a trial said


@dataclass(frozen=True)
class OwnFile:
    """fallow-worker.pyz."""

    path: Path
    sha256: str  # of what runs now; the file may have been replaced by another agent since
    python: tuple[str, ...]  # with its flags
    arguments: tuple[str, ...]
    mode: int

    @property
    def writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def holds(self, sha256: str) -> bool:
        """Whether this is what the file is by now."""
        with contextlib.suppress(OSError):
            return hashlib.sha256(self.path.read_bytes()).hexdigest() == sha256
        return False

    def place(self, data: bytes) -> Path:
        """Put another version beside it. What agents have left there that were killed is removed."""
        for other in self.path.parent.glob(f"{self.path.stem}.*{_NEXT}"):
            number = other.name.removesuffix(_NEXT).rpartition(".")[2]
            if number.isdecimal() and not runs(int(number)):
                other.unlink(missing_ok=True)
        beside = self.path.with_name(f"{self.path.stem}.{os.getpid()}{_NEXT}")
        write(beside, data, self.mode)
        return beside

    def attempt(self, file: Path) -> None:
        """Have the other file say whether it could start as this one was. Raises Rejected."""
        command = [*self.python, str(file), *self.arguments, TRIAL]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRIAL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Rejected(f"It could not be tried ({error}).") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:LONGEST_WORD]
            raise Rejected(f"It does not start here (exit code {done.returncode}): {said}")

    def run(self, variables: Mapping[str, str]) -> int:
        """From now on this process is what the file holds. Only Windows needs to stay and wait for it."""
        os.environ.update(variables)
        command = [*self.python, str(self.path), *self.arguments]
        if sys.platform != "win32":
            os.execv(self.python[0], command)  # noqa: S606 (it is ourselves)
        return subprocess.call(command)


def own_file() -> OwnFile | None:
    """None where the agent is part of an installed package, which has its own ways to be updated."""
    loader = getattr(fallow.__spec__, "loader", None)
    if not isinstance(loader, zipimport.zipimporter) or not sys.executable:
        return None
    path = Path(loader.archive).resolve()
    if Path(sys.argv[0]).resolve() != path:
        return None
    flags = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return OwnFile(path, digest, (sys.executable, *flags), tuple(sys.argv[1:]), path.stat().st_mode & 0o777)
