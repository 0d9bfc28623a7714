"""Which programs run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePath

from fallow.device.asking import ask
from fallow.device.files import folders, text


def names(root: Path) -> frozenset[str] | None:
    """Their names in small letters; None when nobody may look."""
    if sys.platform == "win32":
        lines = ask("tasklist", "/fo", "csv", "/nh").splitlines()
        return _known(line.split(",")[0].strip('"') for line in lines)
    if sys.platform == "darwin":
        return _known(ask("ps", "-A", "-o", "comm=").splitlines())
    return _known(name for folder in folders(root / "proc", "[0-9]*") for name in _of(folder))


def _of(folder: Path) -> tuple[str, str]:
    """The kernel's name, which is short, and the command's: either may be what people know."""
    return text(folder / "comm"), text(folder / "cmdline").partition("\0")[0]


def _known(found: Iterable[str]) -> frozenset[str] | None:
    told = {PurePath(name.replace("\\", "/")).name.lower() for name in found} - {""}
    return frozenset(told) or None
