"""The command line: decodes flags, makes one call for each command, says what went wrong.

- app: what all commands belong to; main: from a command line to its exit code
- here: commands for this machine; server: for a running server; lab: experiments and reports
- flags: what several commands take; telling: what they print, and their exit codes
"""

from fallow.cli.app import app
from fallow.cli.main import run

__all__ = ["app", "run"]
