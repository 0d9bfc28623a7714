"""A file to run: the agent from its sources, as blind to installed packages as fallow-worker.pyz, compiled once.

What is imported from a zip file is compiled at each start: most of the first second of an agent.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HERE = str(Path(__file__).parents[2])


class OnlyFallow(MetaPathFinder):
    """Finds `fallow` where this file lies, and nothing that lies beside it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [HERE]) if fullname == "fallow" else None


def main() -> int:
    """As the agent's own; the exit code."""
    sys.meta_path.append(OnlyFallow())
    from fallow.worker.__main__ import main as work

    return work()


if __name__ == "__main__":
    sys.exit(main())
