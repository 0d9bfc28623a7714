"""`fallow experiment` and `fallow report`: measure a platform, and show what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fallow import __version__
from fallow.client import Client
from fallow.commands.chosen import known
from fallow.errors import BadSetting
from fallow.lab import figures, matrix, plan, record
from fallow.lab.gather import runs_of, workers_of
from fallow.lab.record import Head, Record
from fallow.worker.machine import hostname

_HEADINGS = ("source", "profile", "workers", "runs", "seconds", "±", "fps", "× real time", "joules")
_WORDS = ("source", "profile", "workers")


def experiment(file: Path, output: Path | None, token: str, say: Callable[[str], object]) -> Record:
    """Run what is left of an experiment; the record is beside its file unless it is to be elsewhere."""
    return matrix.run(plan.read(file, known(None)), output or file.with_suffix(".jsonl"), token, say)


def recorded(files: Sequence[Path]) -> Record:
    """Several records as one, as from a lab with several machines."""
    records = [record.read(path) for path in files]
    return Record(records[0].head, tuple(run for one in records for run in one.runs))


def observed(client: Client, limit: int) -> Record:
    """What a server knows of its last jobs, whoever submitted them."""
    jobs = [client.job(job.id) for job in client.jobs(limit) if job.state == "done"]
    if not jobs:
        raise BadSetting(f"{client.url} has no finished job to tell of; submit one, or name a record.")
    workers = workers_of(client)
    runs = tuple(run for job in reversed(jobs) for run in runs_of(client, workers, job, "all workers"))
    return Record(Head(record.FORMAT, __version__, hostname(), time.time()), runs)


def write_page(made: Record, path: Path) -> None:
    """One file that a browser shows, anywhere."""
    try:
        from fallow.lab.page import page
    except ModuleNotFoundError as error:
        raise BadSetting(
            f"Plots need a package that is missing ({error.name}): pip install 'fallow[lab]'."
        ) from None
    path.write_text(page(made), encoding="utf-8")


def show(made: Record, console: Console) -> None:
    """The performance, as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in _WORDS else "right")
    for one in figures.performances(made.runs):
        joules = "–" if one.joules is None else f"{one.joules:,.0f}"
        spread = "–" if one.spread is None else f"{one.spread:.2f}"
        cells = [str(one.runs), f"{one.seconds:.2f}", spread, f"{one.fps:.1f}", f"{one.speed:.2f}"]
        table.add_row(one.source, one.profile, one.crew, *cells, joules)
    console.print(table)
