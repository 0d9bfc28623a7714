"""`fallow doctor` and stores that are folders: whether they are there, rights, space."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from fallow.adapters.check_network import beside
from fallow.findings import BAD, GOOD, WARNING, Finding

_ROOM = 20_000_000_000  # bytes free, below which a busy platform may run full
_BODY = b"fallow doctor"


async def check(folder: Path) -> list[Finding]:
    try:
        # In a thread that nobody waits for: a file system whose server is gone holds up whoever touches it.
        free = await beside(lambda: _use(folder))
    except TimeoutError:
        return [Finding("store", BAD, f"{folder} does not answer", "See to the server of that file system.")]
    except FileNotFoundError:
        remedy = "Make it, or correct FALLOW_STORE_URL; see that its file system is there."
        return [Finding("store", WARNING, f"{folder} is not there yet", remedy)]
    except OSError as error:
        remedy = "Give this user the right to write there, or name another folder in FALLOW_STORE_URL."
        return [Finding("store", BAD, f"{folder} cannot be used ({error.strerror or error})", remedy)]
    if free < _ROOM:
        return [
            Finding("store", WARNING, f"{folder}, {free / 1e9:.1f} GB free", "Make room, or name another folder.")
        ]
    return [Finding("store", GOOD, f"{folder}, {free / 1e9:.0f} GB free")]


def _use(folder: Path) -> int:
    """Store, find, read and delete a file; the bytes that are free."""
    probe = folder / f".doctor-{uuid.uuid4().hex}"
    probe.write_bytes(_BODY)
    try:
        if probe not in folder.iterdir() or probe.read_bytes() != _BODY:
            raise OSError("what is stored is not found again")
    finally:
        probe.unlink()
    return shutil.disk_usage(folder).free
