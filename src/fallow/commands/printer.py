"""Where lines are printed: names as they are, and each line whole unless a terminal is too narrow for it."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

ENDLESS = 100_000  # columns


def printer(stream: TextIO) -> Console:
    """A console on which brackets in a file's name are brackets, and a path in a pipe or file stays on one line."""
    width = None if stream.isatty() else ENDLESS
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
