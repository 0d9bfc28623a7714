"""The socket of a service: its port is known, and agents may connect, before there is a server behind it."""

from __future__ import annotations

import socket

from fallow.errors import BadSetting
from fallow.settings import Settings


def open_socket(settings: Settings) -> socket.socket:
    """A listening socket. Raises BadSetting."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family[0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(family[4])
        listening.listen(1024)
    except OSError as error:
        remedy = "choose another with --host or --port"
        raise BadSetting(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); {remedy}."
        ) from error
    listening.setblocking(False)
    return listening


def url(settings: Settings, listening: socket.socket) -> str:
    """How agents of this machine address it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - compared only
    return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{listening.getsockname()[1]}"
