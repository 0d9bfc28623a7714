"""Send a file to a Fallow server by tus 1.0, however often the connection is lost. Standard library only."""

from __future__ import annotations

import base64
import hashlib
import http.client
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fallow.calls import Server, away
from fallow.errors import Conflict, FallowError, Rejected, Retryable, Unavailable

PATIENCE = 900.0  # seconds without progress
_TUS = {"Tus-Resumable": "1.0.0"}
_SMALLEST, _LARGEST = 1 << 20, 16 << 20  # bytes of a request: what is lost when it breaks off
_SOON, _LATE = 1.0, 8.0  # seconds that a request should take
_PAUSES = (0.5, 15.0)  # seconds, from the first to the longest
_SAMPLE = 64 << 10  # bytes
_STEP = 256 << 10  # bytes that are sent at once


@dataclass(frozen=True)
class Watch:
    """Who is told how an upload goes on."""

    sent: Callable[[int, int], object] = lambda done, size: None  # bytes, and how many there are
    lost: Callable[[str], object] = lambda sentence: None  # why it stands still
    ended: Callable[[], object] = lambda: None


def send(server: Server, job: str, file: Path, watch: Watch) -> None:
    """Returns when the server has all of it. Raises what stays wrong for long, or cannot be put right."""
    with file.open("rb") as opened:
        sending = _Sending(server, job, opened, file, watch)
        try:
            sending.send()
        finally:
            sending.close()
            watch.ended()


class _Sending:
    """One file on its way: in requests that are longer on a quick line, each proven by its checksum."""

    def __init__(self, server: Server, job: str, opened: BinaryIO, file: Path, watch: Watch) -> None:
        self._server, self._job, self._watch = server, job, watch
        self._file, self._name = opened, file
        self._size = file.stat().st_size
        self._place = f"/api/v1/uploads/{job}"
        self._connection = server.connect()
        self._block = _SMALLEST
        self._last = time.monotonic()  # that there was progress

    def send(self) -> None:
        offset = self._patiently(self._declare)
        while offset < self._size:
            self._watch.sent(offset, self._size)
            try:
                offset = self._send_some(offset)
                self._last = time.monotonic()
            except (Retryable, Conflict) as error:
                self._block = _SMALLEST
                self._bear(error, _PAUSES[0])
                offset = self._patiently(self._ask)
        self._watch.sent(self._size, self._size)

    def close(self) -> None:
        self._connection.close()

    def _patiently(self, call: Callable[[], int]) -> int:
        """What a call gives that may be made again and again."""
        pause, longest = _PAUSES
        while True:
            try:
                return call()
            except Retryable as error:
                self._bear(error, pause)
                pause = min(longest, 2 * pause)

    def _bear(self, error: FallowError, pause: float) -> None:
        """Wait for a while, unless that has lasted too long."""
        self._connection.close()
        if time.monotonic() - self._last > PATIENCE:
            raise error
        self._watch.lost(str(error))
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret

    def _declare(self) -> int:
        known = {"job": self._job, "filename": self._name.name, "fingerprint": fingerprint(self._name)}
        metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in known.items())
        headers = {"Upload-Length": str(self._size), "Upload-Metadata": metadata}
        return self._call("POST", "/api/v1/uploads", headers)

    def _ask(self) -> int:
        return self._call("HEAD", self._place, {})

    def _send_some(self, offset: int) -> int:
        """The next bytes, up to a place where the server's own pieces end."""
        begun = time.monotonic()
        self._file.seek(offset)
        data = self._file.read(min(self._size, (offset // self._block + 1) * self._block) - offset)
        if not data:
            raise Rejected(f"{self._name} has become shorter while it was sent; submit it again.")
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(data)),
            "Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(data).digest()).decode()}",
        }
        done = self._call("PATCH", self._place, headers, self._pieces(data, offset))
        self._adapt(time.monotonic() - begun)
        return done

    def _adapt(self, seconds: float) -> None:
        if seconds < _SOON:
            self._block = min(_LARGEST, 2 * self._block)
        elif seconds > _LATE:
            self._block = max(_SMALLEST, self._block // 2)

    def _pieces(self, data: bytes, offset: int) -> Iterator[bytes]:
        for place in range(0, len(data), _STEP):
            yield data[place : place + _STEP]
            self._watch.sent(min(offset + place + _STEP, offset + len(data)), self._size)

    def _call(
        self, method: str, route: str, headers: Mapping[str, str], body: Iterator[bytes] | None = None
    ) -> int:
        """How far the server is, after that."""
        answer = self._server.answer_on(self._connection, method, route, body, {**_TUS, **headers})
        try:
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise away(self._server.url, error) from error
        told = answer.getheader("Upload-Offset") or ""
        if not told.isdigit():
            raise Unavailable(f"{self._server.url} does not say how far the upload is; does it know tus 1.0?")
        return int(told)


def fingerprint(file: Path) -> str:
    """Tells a file from others, and from what it was before, without reading all of it."""
    facts = file.stat()
    digest = hashlib.sha256(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    with file.open("rb") as opened:
        for place in (0, facts.st_size // 2, max(0, facts.st_size - _SAMPLE)):
            opened.seek(place)
            digest.update(opened.read(_SAMPLE))
    return digest.hexdigest()
