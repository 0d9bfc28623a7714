"""Small files in which a system tells of itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MOST = 1 << 16


def text(path: Path) -> str:
    """Empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST).decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""


def number(path: Path) -> float | None:
    try:
        return float(text(path))
    except ValueError:
        return None


def folders(path: Path, pattern: str = "*") -> list[Path]:
    """In the order of their names; none when nobody may look."""
    try:
        return sorted(path.glob(pattern))
    except OSError:
        return []


def least(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    return min((value for value in values if value is not None), default=None)


def greatest(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    return max((value for value in values if value is not None), default=None)
