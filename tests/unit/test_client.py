"""The client of the HTTP API: what it sends, what it makes of refusals, and of downloads that break off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from fallow import errors
from fallow.client import Client


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mov"
    path.write_bytes(b"x" * 1000)
    return path


class Answers(BaseHTTPRequestHandler):
    """Answers from a list, and remembers what it was asked."""

    plan: ClassVar[list[tuple[int, bytes, dict[str, str]]]] = []
    asked: ClassVar[list[tuple[str, str, str, bytes]]] = []

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
        status, content, headers = self.plan.pop(0)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - names that http.server looks for

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Answers.plan.clear()
    Answers.asked.clear()
    served = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=served.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    thread.join()
    served.server_close()


JOB = json.dumps({"id": "j1", "name": "a.mov", "state": "uploading", "new_key": 1}).encode()


def test_the_client_sends_the_source_with_its_token(server: str, clip: Path) -> None:
    Answers.plan += [(201, JOB, {}), (200, JOB, {})]
    client = Client(server, "secret")
    job = client.create("a.mov", [], {"container": "mp4"}, "k")
    sent: list[int] = []
    client.upload(job.id, clip, sent.append)
    (_, _, shown, announced), (method, path, _, body) = Answers.asked
    assert shown == "Bearer secret"
    assert json.loads(announced)["key"] == "k"
    assert (method, path, len(body), sum(sent)) == ("PUT", "/api/v1/jobs/j1/source", 1000, 1000)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "rejected", errors.Forbidden),
        (404, "rejected", errors.NotFound),
        (409, "rejected", errors.Conflict),
        (422, "rejected", errors.Rejected),
        (507, "retryable", errors.StorageFull),
    ],
)
def test_refusals_become_our_errors(server: str, status: int, kind: str, error: type[Exception]) -> None:
    Answers.plan += [(status, json.dumps({"title": "No.", "kind": kind}).encode(), {})]
    with pytest.raises(error, match=r"No\."):
        Client(server).job("j")


def test_reading_calls_are_repeated_and_changing_ones_are_not(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    Answers.plan += [(503, b"{}", {}), (200, JOB, {}), (503, b"{}", {})]
    client = Client(server)
    assert client.job("j").id == "j1"
    with pytest.raises(errors.Unavailable):
        client.cancel("j")
    assert len(Answers.asked) == 3


def test_a_download_that_is_short_or_wrong_leaves_nothing(server: str, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    Answers.plan += [
        (200, b"abc", {"Content-Length": "5", "Connection": "close"}),
        (200, b"abc", {"ETag": f'"{"0" * 64}"'}),
    ]
    for _ in range(2):
        with pytest.raises(errors.TransferFailed):
            Client(server).download("j", "720p", target)
    assert list(tmp_path.iterdir()) == []
    Answers.plan += [(200, b"abc", {})]
    assert Client(server).download("j", "720p", target) == 3
    assert target.read_bytes() == b"abc"


@pytest.mark.parametrize("url", ["ftp://x", "http://", "nonsense://"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(errors.Rejected, match="no server address"):
        Client(url)
