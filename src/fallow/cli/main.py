"""One command line, from its words to its exit code; whatever goes wrong becomes a sentence."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from fallow.cli import here, lab, server  # noqa: F401 - which add their commands
from fallow.cli.app import app
from fallow.cli.telling import FAILED, INTERRUPTED, OK, USAGE, print_json
from fallow.commands import packages, summary
from fallow.errors import BadProfile, BadSetting, Cancelled, FallowError, Rejected

UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a command line it does not understand; the class has no public name there."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Whatever goes wrong becomes a sentence, and an object with --json."""
    try:
        code = int(app(args=list(arguments), standalone_mode=False) or OK)
        return _complain(arguments, Cancelled("Interrupted."), code) if code == INTERRUPTED else code
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain(arguments, Cancelled("Interrupted."), INTERRUPTED)
    except UsageError as error:
        if "--json" not in arguments:
            error.show()
            return USAGE
        return _complain(arguments, BadSetting(error.format_message()), USAGE)
    except FallowError as error:
        return _complain(arguments, error, _exit_code(error))
    except OSError as error:
        return _complain(arguments, Rejected(summary.sentence(error)), FAILED)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (needed := packages.missing(error)):
            return _complain(arguments, needed, USAGE)
        traceback.print_exc()
        told = f"{type(error).__name__}: {error}. This is a fault of Fallow; please report it with the lines above."
        return _complain(arguments, FallowError(told), FAILED)


def _complain(arguments: Sequence[str], error: FallowError, code: int) -> int:
    if "--json" in arguments:
        print_json(summary.error_json(summary.Failed.of(error)))
    sys.stderr.write(f"fallow: {error}\n")
    return code


def _exit_code(error: FallowError) -> int:
    if isinstance(error, Cancelled):
        return INTERRUPTED
    return USAGE if isinstance(error, (BadProfile, BadSetting)) else FAILED
