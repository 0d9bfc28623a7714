"""`fallow doctor`: what this machine has, what is missing, what to do."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fallow import __version__, catalogue, profile_files
from fallow.commands import packages
from fallow.errors import BadProfile, NoFfmpeg
from fallow.ffmpeg import locate
from fallow.findings import BAD, GOOD, MISSING, WARNING, Finding
from fallow.settings import Settings
from fallow.worker import machine

_OLDEST_FFMPEG = (5, 1)
_ROOM = 2_000_000_000  # bytes free, below which a long video may not fit
_MEMORY = 1_000_000_000  # bytes; encoding 1080p takes about half of it for each worker
_STYLES = {GOOD: "green", WARNING: "yellow", MISSING: "red", BAD: "red"}


def examine(settings: Settings) -> list[Finding]:
    """Everything there is to say."""
    return [
        Finding("Fallow", GOOD, f"{__version__} on Python {platform.python_version()}, {platform.platform()}"),
        *_packages(),
        *_ffmpeg(settings.ffmpeg),
        _profiles(),
        _processors(),
        _memory(),
        _data_folder(settings),
        _disk("temporary folder", Path(tempfile.gettempdir())),
        *_back_ends(settings),
    ]


def healthy(findings: Sequence[Finding]) -> bool:
    return all(finding.state in (GOOD, WARNING) for finding in findings)


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    return {"ok": healthy(findings), "findings": [asdict(finding) for finding in findings]}


def show(findings: Sequence[Finding], console: Console) -> None:
    """One line a finding, with its remedy below."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.state, _STYLES[finding.state]), finding.name, finding.detail)
        if finding.remedy:
            table.add_row("", "", Text(finding.remedy, "bold"))
    console.print(table)


def _back_ends(settings: Settings) -> list[Finding]:
    """Those that URLs name; the embedded ones are in the data folder."""
    try:
        from fallow import wiring
    except ModuleNotFoundError:
        return []  # which is among the packages
    return asyncio.run(wiring.examine(settings))


def _packages() -> Iterator[Finding]:
    for name in packages.NEEDED:
        version, told = packages.version(name), "PyAV" if name == "av" else name
        if version is None:
            yield Finding(told, MISSING, "not installed", f"Install it with: {packages.INSTALL}")
        elif name == "av":
            yield _pyav(version)


def _pyav(version: str) -> Finding:
    if packages.fits(version, packages.PYAV):
        return Finding("PyAV", GOOD, version)
    remedy = f"Fallow works with {packages.PYAV}; run: {packages.INSTALL_PYAV}"
    return Finding("PyAV", MISSING, f"{version}, which is not supported", remedy)


def _ffmpeg(explicit: str) -> Iterator[Finding]:
    try:
        build = locate.examine(locate.find(explicit))
    except NoFfmpeg as error:
        yield Finding("FFmpeg", MISSING, str(error), "Install FFmpeg, or: pip install 'fallow[server]'")
        return
    yield _version(build)
    for encoder in [*catalogue.VIDEO, *catalogue.AUDIO]:
        if encoder not in build.encoders:
            remedy = f"Profiles with {encoder} fail on this machine; install an FFmpeg that has it."
            # What the built-in profiles are made with is needed; the others are a choice.
            state = MISSING if encoder in ("libx264", "aac") else WARNING
            yield Finding(f"encoder {encoder}", state, "not in this FFmpeg", remedy)
    if catalogue.MEASURE not in build.encoders:
        remedy = "This machine cannot measure quality; install an FFmpeg that has it."
        yield Finding(f"filter {catalogue.MEASURE}", WARNING, "not in this FFmpeg", remedy)


def _version(build: locate.Build) -> Finding:
    origin = "comes with imageio-ffmpeg" if "imageio_ffmpeg" in build.path else "of this system"
    have = sum(encoder in build.encoders for encoder in [*catalogue.VIDEO, *catalogue.AUDIO])
    wanted = len(catalogue.VIDEO) + len(catalogue.AUDIO)
    detail = f"{build.version}, {origin}: {build.path}; {have} of {wanted} encoders"
    # Builds from the development branch have no number; they are new.
    numbers = build.version.lstrip("n").split("-")[0].split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) < _OLDEST_FFMPEG:
        return Finding("FFmpeg", MISSING, detail, "This is too old; install FFmpeg 5.1 or later.")
    return Finding("FFmpeg", GOOD, detail)


def _profiles() -> Finding:
    try:
        known = profile_files.load(profile_files.user_files())
    except BadProfile as error:
        return Finding("profiles", MISSING, str(error), "Repair or remove that file.")
    return Finding("profiles", GOOD, " ".join(known))


def _processors() -> Finding:
    return Finding("processors", GOOD, f"{machine.cores()} that Fallow may use, {platform.machine()}")


def _memory() -> Finding:
    size = machine.memory()
    if not size:
        return Finding("memory", WARNING, "unknown", "See to it that there is 0.5 GB for each worker.")
    if size < _MEMORY:
        remedy = "Start fewer workers with --workers, and keep to small pictures."
        return Finding("memory", WARNING, f"{size / 1e9:.1f} GB", remedy)
    return Finding("memory", GOOD, f"{size / 1e9:.1f} GB")


def _data_folder(settings: Settings) -> Finding:
    found = _disk("data folder", settings.data.absolute())
    embedded = not (settings.ledger_url and settings.store_url and not settings.queue_url.startswith("memory:"))
    if embedded or found.state != MISSING:
        return found
    return replace(found, state=WARNING, remedy="Only `fallow up` needs it; `fallow serve` does not.")


def _disk(name: str, folder: Path) -> Finding:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            name, MISSING, f"{folder} may not be written to", "Choose another folder, or ask for permission."
        )
    free = shutil.disk_usage(there).free
    if free < _ROOM:
        return Finding(name, WARNING, f"{folder}, {free / 1e9:.1f} GB free", "Make room, or choose another folder.")
    return Finding(name, GOOD, f"{folder}, {free / 1e9:.0f} GB free")
