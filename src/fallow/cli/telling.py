"""What a command prints, and the exit code that goes with it."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import Any

from fallow.client import JobView
from fallow.commands.progress import Display, Silence, display

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def verdict(job: JobView) -> int:
    if job.state not in ("failed", "cancelled"):
        return OK
    sys.stderr.write(f"fallow: {job.error or f'The job is {job.state}.'}\n")
    return FAILED


def progress(json: bool) -> Display:
    return Silence() if json and not sys.stderr.isatty() else display()


def print_json(value: Any) -> None:
    sys.stdout.write(jsonlib.dumps(value, ensure_ascii=False) + "\n")
