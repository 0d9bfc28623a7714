"""Real servers for tests: each on this machine's loopback, in a temporary folder, stopped by its process id."""

import os
import shutil
import socket

import pytest


def need(*programs):
    """Skip where a server is not installed; a machine of the continuous integration must have all of them."""
    missing = [name for name in programs if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    if missing:
        told = f"not installed: {', '.join(missing)}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)


def free_ports(count):
    """Ports that nobody listens on, all different."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
