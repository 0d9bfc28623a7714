"""Commands that measure a platform, and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fallow.cli.app import app
from fallow.cli.flags import HOME, Json, Server, Token
from fallow.cli.telling import FAILED, OK, print_json
from fallow.client import Client
from fallow.commands import packages
from fallow.commands.printer import printer
from fallow.lab.record import Record
from fallow.messages import to_wire

Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report with plots, as one file.")
]


@app.command()
def experiment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to try, in TOML.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The record.", show_default="FILE with .jsonl")
    ] = None,
    html: Html = None,
    token: Token = "",
    json: Json = False,
) -> int:
    """Encode every source with every profile by every crew of workers, again and again, and record it."""
    from fallow.commands import experiment

    packages.check()
    say = printer(sys.stderr).print
    made = experiment.experiment(file, output, token, lambda line: say(line, soft_wrap=True))
    _tell(made, html, json)
    return FAILED if any(run.error for run in made.runs) else OK


@app.command()
def report(
    records: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RECORD", help="Of experiments.", show_default="the server's last jobs"),
    ] = None,
    html: Html = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many jobs at most.")] = 100,
    server: Server = HOME,
    token: Token = "",
    json: Json = False,
) -> int:
    """Say how quickly, and at what cost, sources were encoded by which devices."""
    from fallow.commands import experiment

    made = experiment.recorded(records) if records else experiment.observed(Client(server, token), limit)
    _tell(made, html, json)
    return OK


def _tell(made: Record, html: Path | None, json: bool) -> None:
    from fallow.commands import experiment

    if html:
        experiment.write_page(made, html)
    if json:
        print_json(to_wire(made))
    else:
        experiment.show(made, printer(sys.stdout))
