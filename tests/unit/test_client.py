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
from fallow.tus import Watch


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

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - names that http.server looks for

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
    Answers.plan += [(201, JOB, {}), (201, b"", at(0)), (204, b"", at(1000)), (200, JOB, {})]
    client = Client(server, "secret")
    job = client.create("a.mov", [], {"container": "mp4"}, "k")
    sent: list[tuple[int, int]] = []
    client.upload(job.id, clip, Watch(lambda done, size: sent.append((done, size))))
    assert {shown for _, _, shown, _ in Answers.asked} == {"Bearer secret"}
    (_, _, _, announced), (_, begun, _, _), (method, path, _, body), _ = Answers.asked
    assert json.loads(announced)["key"] == "k"
    assert (begun, method, path) == ("/api/v1/uploads", "PATCH", "/api/v1/uploads/j1")
    assert (body, sent[0], sent[-1]) == (b"x" * 1000, (0, 1000), (1000, 1000))


def test_an_upload_goes_on_where_the_server_says_that_it_is(
    server: str, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    told = json.dumps({"title": "No.", "kind": "retryable"}).encode()
    lost: list[str] = []
    Answers.plan += [(503, told, {}), (201, b"", at(0))]
    for status, offset in ((423, 100), (409, 200), (460, 200), (507, 200), (503, 700)):
        Answers.plan += [(status, told, {}), (502, b"", {}), (200, b"", at(offset))]
    Answers.plan += [(204, b"", at(1000)), (200, JOB, {})]
    Client(server).upload("j1", clip, Watch(lost=lost.append))
    bodies = [len(body) for method, _, _, body in Answers.asked if method == "PATCH"]
    assert bodies == [1000, 900, 800, 800, 800, 300]
    assert lost.count("No.") == 6


@pytest.mark.parametrize("status", [401, 403, 404, 410, 413, 422])
def test_an_upload_that_cannot_go_on_says_why(server: str, clip: Path, status: int) -> None:
    told = json.dumps({"title": "No.", "kind": "rejected"}).encode()
    Answers.plan += [(201, b"", at(0)), (status, told, {})]
    with pytest.raises(errors.Rejected, match=r"No\."):
        Client(server).upload("j1", clip)


def test_an_upload_that_stands_still_for_long_is_given_up(
    server: str, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("fallow.tus.PATIENCE", -1.0)
    Answers.plan += [(201, b"", at(0)), (503, b"{}", {})]
    with pytest.raises(errors.Unavailable):
        Client(server).upload("j1", clip)


def at(offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset)}


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
