"""Bring a stream's folder to where it is wanted, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from pathlib import Path

from fallow.errors import BrokenPart
from fallow.pipeline.package import digest_of
from fallow.services.run import Platform


async def bring(platform: Platform, job: str, rendition: str, sha256: str, folder: Path) -> int:
    """The stream that this rendition belongs to, in place of an earlier one; its bytes. Raises BrokenPart when what
    has arrived does not have the digest."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        await platform.export_stream(job, rendition, beside / "new")
        size, digest = await asyncio.to_thread(_measured, beside / "new")
        if digest != sha256:
            raise BrokenPart(f"{folder} is not what was packaged; check the disk, and encode again.")
        await asyncio.to_thread(_put_in_place, beside, folder)
        return size
    finally:
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)


def _measured(folder: Path) -> tuple[int, str]:
    """All bytes below a folder, and their digest."""
    size, files = 0, {}
    for path in folder.rglob("*"):
        if path.is_file():
            size += path.stat().st_size
            with path.open("rb") as file:
                files[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").digest()
    return size, digest_of(files)


def _put_in_place(beside: Path, folder: Path) -> None:
    if folder.exists():
        folder.rename(beside / "old")
    (beside / "new").rename(folder)
