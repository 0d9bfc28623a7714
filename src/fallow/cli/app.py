"""The application that all commands belong to."""

from __future__ import annotations

from typing import Annotated

import typer

from fallow import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Fallow turns videos into other videos, on as many machines as you have, frame by exact frame.",
)


@app.callback(invoke_without_command=True)
def version(
    version: Annotated[bool, typer.Option("--version", help="Print the version, and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"fallow {__version__}")
        raise typer.Exit
