"""HTTP and HTTPS connections from URLs, with the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from fallow.errors import BadSetting

TIMEOUT_SECONDS = 60.0  # without a byte
CONNECT_SECONDS = 10.0
PIECE = 1 << 16
"""Bytes that are read and written at a time."""

TROUBLE = (OSError, http.client.HTTPException)
"""What a connection may raise at any time."""


def connect(url: str, timeout: float = TIMEOUT_SECONDS) -> http.client.HTTPConnection:
    """A connection to the URL's server; nothing is sent yet."""
    parts = _parts(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=_trust())
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


Watch = Callable[[socket.socket], None]
"""Is shown a connection's socket, to end whatever waits for it when nobody wants it any more."""


def reach(url: str, watch: Watch) -> http.client.HTTPConnection:
    """An open connection to the URL's server, for a transfer that may last."""
    connection = connect(url, CONNECT_SECONDS)
    connection.connect()
    connection.sock.settimeout(TIMEOUT_SECONDS)
    watch(connection.sock)
    return connection


def target(url: str) -> str:
    """What stands in the request line."""
    parts = _parts(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSetting(f"{url!r} is no http or https URL.")
    return parts


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def title(body: bytes) -> str:
    """The sentence in an error answer, "" when there is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("title") or answer.get("detail") or "")


def reason(error: Exception) -> str:
    """What to say of it; some errors say nothing by themselves."""
    return str(error) or type(error).__name__
