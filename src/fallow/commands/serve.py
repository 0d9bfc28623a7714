"""`fallow serve`: run one service of a platform whose parts are processes of their own."""

from __future__ import annotations

import sys

from fallow.services.roles import Role
from fallow.services.run import Platform
from fallow.services.run import serve as run
from fallow.settings import Settings


def serve(role: Role, settings: Settings) -> None:
    """Returns when the service was told to stop."""
    run(settings, frozenset({role}), lambda platform: _told(role, platform))


def _told(role: Role, platform: Platform) -> None:
    sys.stdout.write(f"Fallow's {role.value} is up at {platform.url}.\n")
    sys.stdout.flush()
