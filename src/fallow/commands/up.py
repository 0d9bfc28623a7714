"""`fallow up`: run a platform, and say how people and workers get in."""

from __future__ import annotations

import socket
import sys

from fallow.services.run import Platform, serve
from fallow.settings import Settings

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on


def up(settings: Settings) -> None:
    """Returns when the platform was told to stop."""
    serve(settings, ready=lambda platform: _welcome(settings, platform))


def _welcome(settings: Settings, platform: Platform) -> None:
    port = platform.url.rpartition(":")[2]
    url = f"http://{socket.gethostname()}:{port}" if settings.host in _EVERYWHERE else platform.url
    lines = [f"Fallow is up at {url}; Ctrl-C lets running work finish, and stops."]
    if platform.api_token:
        lines.append(f"People:   export FALLOW_SERVER={url} FALLOW_API_TOKEN={platform.api_token}")
    if platform.setup_token:
        lines.append(f"Log in:   {url}/#/setup/{platform.setup_token} makes the first admin, until there is one")
    lines.append(f"Workers:  curl -O {url}/fallow-worker.pyz")
    lines.append(f"          python3 fallow-worker.pyz {url} --token {platform.join_token}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
