"""What was run, as lines of JSON: one of the whole experiment, then one for each run as soon as it has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fallow.errors import BadSetting
from fallow.messages import from_wire, to_wire

FORMAT = 1


@dataclass(frozen=True)
class Head:
    """Where and with what all runs of a record were made."""

    format: int
    fallow: str  # its version
    host: str
    began: float  # seconds since the epoch
    price_per_kwh: float | None = None
    currency: str = "EUR"


@dataclass(frozen=True)
class Work:
    """What one worker delivered in a run."""

    worker: str  # what people call it
    device_class: str
    arch: str
    tasks: int
    frames: int
    wall_seconds: float
    cpu_seconds: float
    bytes_out: int
    joules: float | None = None  # None: they are not known of all its tasks
    meters: tuple[str, ...] = ()  # how they are known: rapl, battery, meter, model


@dataclass(frozen=True)
class Trouble:
    """Attempts that came to nothing, and why."""

    cause: str
    count: int


@dataclass(frozen=True)
class Run:
    """One source, once, with one profile, by one crew."""

    source: str
    profile: str
    crew: str
    agents: int  # of the crew, when they all are on one machine; else 0
    repetition: int
    began: float  # seconds since the epoch
    seconds: float  # from the job's creation, upload and all, to its end
    frames: int  # of the result
    video_seconds: float
    width: int  # of the source
    height: int
    works: tuple[Work, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    error: str = ""  # why there is no result

    @property
    def place(self) -> tuple[str, str, str, int]:
        """What tells it from all others of the experiment."""
        return self.source, self.profile, self.crew, self.repetition


@dataclass(frozen=True)
class Record:
    """An experiment as far as it was run."""

    head: Head
    runs: tuple[Run, ...] = field(default=())


def begin(path: Path, head: Head) -> Record:
    """A new record, or the one that is there, to which new runs are added."""
    if path.exists() and path.stat().st_size:
        return read(path)
    _append(path, json.dumps(to_wire(head)))
    return Record(head)


def add(path: Path, run: Run) -> None:
    """Kept even when the power fails the moment after."""
    _append(path, json.dumps(to_wire(run)))


def read(path: Path) -> Record:
    """Raises BadSetting when it is none. Whatever follows the last whole line was being written when all ended."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadSetting(
            f"{path} is no record of an experiment; name the file that fallow experiment wrote."
        ) from error
    try:
        head, *runs = lines
        made = Record(from_wire(Head, json.loads(head)), tuple(_runs(runs)))
    except ValueError as error:
        raise BadSetting(
            f"{path} is no record of an experiment; name the file that fallow experiment wrote."
        ) from error
    if made.head.format != FORMAT:
        raise BadSetting(f"{path} was written by a newer Fallow ({made.head.fallow}); read it with that one.")
    return made


def _runs(lines: Iterable[str]) -> Iterable[Run]:
    for line in lines:
        yield from_wire(Run, json.loads(line))


def _append(path: Path, line: str) -> None:
    """On a line of its own, also after one that was broken off."""
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.truncate(_last_line(path))
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _last_line(path: Path) -> int:
    """Where what follows the last whole line begins."""
    return path.read_bytes().rfind(b"\n") + 1
