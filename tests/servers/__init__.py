"""Real servers for tests: each on this machine's loopback, in a temporary folder, stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
from typing import NoReturn

import pytest

PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/lib/rabbitmq/bin"])


def need(*programs: str) -> None:
    """Skip where a server is not installed; a machine of the continuous integration must have all of them."""
    if missing := [name for name in programs if not shutil.which(name, path=PLACES)]:
        lacking(f"not installed: {', '.join(missing)}")


def lacking(told: str) -> NoReturn:
    """Skip where something cannot be had; a machine of the continuous integration must have all."""
    raise (pytest.fail if os.environ.get("CI") == "true" else pytest.skip).Exception(told)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different; no outgoing connection gets them while a server is away."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(range(10000, 32768), 1000):
            if len(held) < count:
                with contextlib.suppress(OSError):
                    held.append(socket.create_server(("127.0.0.1", port)))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def listens(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
