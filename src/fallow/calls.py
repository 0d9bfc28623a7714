"""Single calls of a Fallow server, and what its refusals mean. Standard library only."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fallow.errors import (
    Conflict,
    FallowError,
    Forbidden,
    Gone,
    NotFound,
    Rejected,
    StorageFull,
    TakenOver,
    TooLarge,
    Unavailable,
    WrongDigest,
)

_TIMEOUT = 60.0  # seconds without a byte
_MEANINGS: dict[int, type[FallowError]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    423: TakenOver,
    460: WrongDigest,
    507: StorageFull,
}


class Server:
    """Where it is, and what it wants to see."""

    def __init__(self, url: str, token: str = "") -> None:
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or not _port_is_one(parts):
            raise Rejected(f"{url!r} is no server address; write it like http://localhost:8000.")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._parts = parts
        self._token = token

    def connect(self) -> http.client.HTTPConnection:
        """A connection, which is made when it is used first, and made anew when it was closed."""
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=_TIMEOUT)

    @contextmanager
    def answer(
        self, method: str, route: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """One call; raises the error of this package that its status means."""
        connection = self.connect()
        try:
            yield self.answer_on(connection, method, route, body, headers)
        finally:
            connection.close()

    def answer_on(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        route: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """The same, on a connection that may be used again once the answer was read."""
        try:
            path = self._parts.path.rstrip("/") + route
            connection.request(method, path, body, {**self._headers(body), **(headers or {})})
            answer = connection.getresponse()
        except ConnectionError as error:
            answer = _early_answer(connection, self.url, error)
        except (OSError, http.client.HTTPException) as error:
            raise away(self.url, error) from error
        if answer.status >= 400:
            raise _refusal(answer, self.url)
        return answer

    def _headers(self, body: object) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers


def away(url: str, error: Exception) -> Unavailable:
    """What it means when no answer came."""
    why = (isinstance(error, OSError) and error.strerror) or error  # without its number
    return Unavailable(f"{url} cannot be reached ({why}); is `fallow up` running there?")


def _early_answer(connection: http.client.HTTPConnection, url: str, error: Exception) -> http.client.HTTPResponse:
    """A server that refuses an upload midway has said why before it closed the connection."""
    if connection.sock is None:
        raise away(url, error) from error
    try:
        return connection.getresponse()
    except (OSError, http.client.HTTPException):
        raise away(url, error) from error


def _refusal(answer: http.client.HTTPResponse, url: str) -> FallowError:
    """The exception that says what the server's answer says."""
    title, kind = _said(answer)
    status = answer.status
    if status in _MEANINGS:
        return _MEANINGS[status](title or f"{url} answered with status {status}; is it a Fallow server's address?")
    if kind == "rejected" or status < 500:
        return Rejected(title or f"{url} refused the call with status {status}.")
    return Unavailable(title or f"{url} answered with status {status}; try again, or look at its log.")


def _said(answer: http.client.HTTPResponse) -> tuple[str, str]:
    try:
        said = json.loads(answer.read(65536))
        return str(said.get("title", "")), str(said.get("kind", ""))
    except (ValueError, AttributeError, OSError, http.client.HTTPException):
        return "", ""


def _port_is_one(parts: urllib.parse.SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
