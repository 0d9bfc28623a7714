"""What `fallow doctor` finds: one thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, WARNING, MISSING, BAD = "ok", "warning", "missing", "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: str
    detail: str
    remedy: str = ""
