"""The packages that extras of pyproject.toml name, one a line: python requirements.py EXTRA …

Images install them in a layer of their own, which stays while only Fallow's code changes.
"""

import re
import sys
from pathlib import Path

import tomllib

PROJECT = Path("pyproject.toml")


def named(extra: str, groups: dict[str, list[str]]) -> list[str]:
    """What an extra needs, with that of the extras it names."""
    found = []
    for need in groups[extra]:
        own = re.fullmatch(r"fallow\[([\w,]+)\]", need)
        found += [more for other in own[1].split(",") for more in named(other, groups)] if own else [need]
    return found


if __name__ == "__main__":
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    needs = {need for extra in sys.argv[1:] for need in named(extra, extras)}
    sys.stdout.write("".join(f"{need}\n" for need in sorted(needs)))
