"""A proxy that misbehaves as it is told, before a real HTTP server."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_RESET = struct.pack("ii", 1, 0)  # linger for no time: the end of the connection is a reset
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEPT = re.compile(rb"\r\nconnection:[^\r]*", re.IGNORECASE)
_ABSOLUTE = re.compile(rb"^(\w+ )http://[^/]+/")  # of who takes this for a proxy to anywhere
_PIECE = 1 << 14


@dataclass
class Fault:
    """What happens to the next requests that it is meant for."""

    times: int = 1
    method: str = ""  # "": any
    part: str = ""  # of the request's target
    status: int = 0  # is answered, without asking the server
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    reset_request: int = -1  # after so many bytes of the request's body
    reset_answer: int = -1  # after so many bytes of the answer's body; the server has done what was asked
    end_answer: int = -1  # as that, but the connection ends as if all were well
    silent: bool = False  # nothing comes back, and the server is not asked
    rate: int = 0  # bytes a second of the answer's body
    then: Callable[[], object] = lambda: None  # is done before the connection ends


class Faulty:
    """Listens on `port` for the server at `target`. Without faults, it only passes on."""

    def __init__(self, target):
        self.target = target
        self.faults = []
        self.requests = []  # method and target of each
        self.heads = []
        self.refusing = False  # every connection is reset
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listening.close()

    def of(self, url):
        """A server's URL, by way of here."""
        return url.replace(f"127.0.0.1:{self.target}", f"127.0.0.1:{self.port}").replace(
            f"127.0.0.1%3A{self.target}", f"127.0.0.1%3A{self.port}"
        )

    def count(self, method="", part=""):
        with self._lock:
            return sum((not method or one == method) and part in target for one, target in self.requests)

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.settimeout(60)
        with contextlib.suppress(OSError), client:
            if self.refusing:
                return _reset(client)
            head, rest = _head(client)
            if not head:
                return None
            head = _ABSOLUTE.sub(rb"\1/", head)
            method, target = head.split(b" ", 2)[:2]
            fault = self._fault(method.decode(), target.decode(), head)
            if fault.reset_request == 0:
                return _reset(client)
            if fault.status:
                return _answer(client, head, rest, fault)
            if fault.silent:
                with contextlib.suppress(OSError):
                    while client.recv(_PIECE):
                        pass
                return None
            return self._pass_on(client, head, rest, fault)

    def _fault(self, method, target, head):
        with self._lock:
            self.requests.append((method, target))
            self.heads.append(head.decode())
            for fault in self.faults:
                if fault.times > 0 and fault.method in ("", method) and fault.part in target:
                    fault.times -= 1
                    return fault
        return Fault()

    def _pass_on(self, client, head, rest, fault):
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 60)
        except OSError:
            return _reset(client)
        with server:
            server.sendall(_KEPT.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n")
            sent = threading.Thread(target=_send_body, args=(client, server, head, rest, fault), daemon=True)
            sent.start()
            _relay(client, server, fault)
            sent.join(5)
        return None


def _head(client):
    """The head of a request, and what came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(_PIECE)
        if not more:
            return b"", b""
        data += more
    at = data.index(b"\r\n\r\n") + 4
    return data[:at], data[at:]


def _body(client, head, rest):
    """The pieces of a request's body: until its length, or the end of chunks."""
    length = _LENGTH.search(head)
    if length:
        left = int(length[1])
        while left > 0:
            piece = rest or client.recv(_PIECE)
            if not piece:
                return
            yield piece
            left, rest = left - len(piece), b""
    elif b"chunked" in head.lower():
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            piece = rest or client.recv(_PIECE)
            if not piece:
                return
            yield piece
            tail, rest = (tail + piece)[-5:], b""


def _send_body(client, server, head, rest, fault):
    sent = 0
    with contextlib.suppress(OSError):
        for piece in _body(client, head, rest):
            if 0 <= fault.reset_request <= sent:
                _reset(server)
                return _reset(client)
            server.sendall(piece)
            sent += len(piece)
    return None


def _relay(client, server, fault):
    """The answer, as much of it as comes through."""
    with contextlib.suppress(OSError):
        head, rest = _head(server)
        if fault.reset_answer == 0:
            return _reset(client)
        client.sendall(_KEPT.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n")
        most = max(fault.reset_answer, fault.end_answer)
        passed = 0
        while piece := rest or server.recv(_PIECE):
            rest = b""
            piece = piece if most < 0 else piece[: most - passed]
            client.sendall(piece)
            passed += len(piece)
            if fault.rate:
                time.sleep(len(piece) / fault.rate)
            if 0 <= most <= passed:
                fault.then()
                return _reset(client) if fault.reset_answer >= 0 else client.close()
    return None


def _answer(client, head, rest, fault):
    for _ in _body(client, head, rest):
        pass
    told = "".join(f"{name}: {value}\r\n" for name, value in fault.headers.items())
    start = f"HTTP/1.1 {fault.status} Told\r\n{told}Content-Length: {len(fault.body)}\r\nConnection: close\r\n\r\n"
    client.sendall(start.encode() + fault.body)


def _reset(one):
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    # Somebody may wait for it in another thread: that alone would keep it open.
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RD)
    one.close()
