"""The players: npm packages in the versions of package-lock.json."""

from __future__ import annotations

import os
from pathlib import Path

from servers import npm

HERE = Path(__file__).parent


def modules() -> Path:
    """The folder node_modules."""
    named = os.environ.get("FALLOW_TEST_PLAYERS")
    return npm.modules(HERE, Path(named) if named else npm.beside("players"))
