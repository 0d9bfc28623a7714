"""The packages that commands need, and whether their versions are such as Fallow works with."""

from __future__ import annotations

import importlib.metadata
import re

from fallow.errors import BadSetting

PYAV = ">=18.1,<19"
"""As in pyproject.toml; only with versions like these is it known how sources are opened."""

NEEDED = ("av", "argon2-cffi", "fastapi", "sqlalchemy", "uvicorn", "typer", "rich")
INSTALL = "pip install 'fallow[server]'"
INSTALL_PYAV = f"pip install 'av{PYAV}'"

_LIMITS = re.compile(r"(>=|<)([\d.]+)")


def check() -> None:
    """Raises BadSetting unless media can be read and written here."""
    have = version("av")
    if have is None:
        raise BadSetting(f"PyAV, which reads and writes media, is not installed; install it with: {INSTALL}")
    if not fits(have, PYAV):
        raise BadSetting(f"PyAV {have} is installed, but Fallow works with {PYAV}; run: {INSTALL_PYAV}")


def missing(error: ModuleNotFoundError) -> BadSetting | None:
    """What to say when a package of somebody else is not there."""
    name = (error.name or "").partition(".")[0]
    if name in ("", "fallow"):
        return None
    return BadSetting(f"The package {name} is not installed; install what is needed with: {INSTALL}")


def version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def fits(version: str, wanted: str) -> bool:
    """Whether a version is within limits such as `>=18.1,<19`."""
    have = _numbers(version)
    return all((have >= _numbers(at)) is (sign == ">=") for sign, at in _LIMITS.findall(wanted))


def _numbers(version: str) -> tuple[int, ...]:
    """18.1.0 as (18, 1): versions compare as their numbers do, without zeros at the end."""
    found = re.match(r"[\d.]*\d", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
