"""Real servers for tests: each on this machine's loopback, in a temporary folder, stopped by its process id."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/lib/rabbitmq/bin"])


def need(*programs: str) -> None:
    """Skip where a server is not installed; a machine of the continuous integration must have all of them."""
    if missing := [name for name in programs if not shutil.which(name, path=PLACES)]:
        told = f"not installed: {', '.join(missing)}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
