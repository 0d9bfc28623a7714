"""People of a platform that others can reach: `fallow up` as a process, `fallow user` beside it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import ended
from test_commands_up import fallow

PASSWORD = "four words go here"  # noqa: S105


class Browser:
    """Keeps the cookie that it is given."""

    def __init__(self, url: str) -> None:
        self._url, self._cookie = url, ""

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Origin": self._url, "Cookie": self._cookie}
        request = urllib.request.Request(f"{self._url}/api/v1{path}", data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                self._cookie = (answer.headers["Set-Cookie"] or self._cookie).partition(";")[0]
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")


def begun(folder: Path, log: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """A platform for everybody, and what it says at its start."""
    arguments = ("up", "--host", "0.0.0.0", "--port", 0, "--data", "data", "--workers", 0)  # noqa: S104
    with log.open("w") as err:
        process = fallow(*arguments, folder=folder, err=err)
    lines = [process.stdout.readline()]
    while lines[-1] and "--token" not in lines[-1]:
        lines.append(process.stdout.readline())
    return process, lines


def stopped(process: subprocess.Popen[str]) -> str:
    """What else it has said."""
    process.send_signal(signal.SIGTERM)
    out, _ = ended(process)[1:]
    assert process.returncode == 0
    return out


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def up(place: Path) -> Iterator[tuple[str, list[str]]]:
    process, lines = begun(place, place / "log")
    port = re.search(r":(\d+);", lines[0])[1]
    yield f"http://127.0.0.1:{port}", lines
    stopped(process)
    assert "Traceback" not in (place / "log").read_text()


def user(place: Path, *arguments: str, password: str = PASSWORD) -> tuple[int, str, str]:
    process = fallow("user", *arguments, "--data", "data", folder=place, stdin=subprocess.PIPE)
    out, err = process.communicate(password + "\n", timeout=120)
    return process.returncode, out, err


def test_the_first_admin_is_made_by_a_link_that_is_shown_once(up: tuple[str, list[str]], place: Path) -> None:
    url, lines = up
    (link,) = (line for line in lines if "/#/setup/" in line)
    token = re.search(r"/#/setup/([\w-]{32})\s", link)[1]
    browser = Browser(url)
    assert browser("GET", "/jobs")[0] == 401
    status, me = browser("POST", "/setup", {"token": token, "name": "anna", "password": PASSWORD})
    assert (status, me["role"]) == (201, "admin")
    assert browser("GET", "/jobs") == (200, {"jobs": [], "next": None})
    assert Browser(url)("POST", "/setup", {"token": token, "name": "eve", "password": PASSWORD})[0] == 409
    kept = b"".join(path.read_bytes() for path in (place / "data").iterdir() if path.is_file())
    assert token.encode() not in kept + (place / "log").read_bytes()


def test_who_is_locked_out_gets_in_again(up: tuple[str, list[str]], place: Path) -> None:
    url, _ = up
    assert user(place, "add", "bert", "--role", "viewer") == (0, "bert can log in now, as viewer.\n", "")
    assert user(place, "add", "Bert")[::2] == (1, "fallow: There is a user bert already; take another name.\n")
    browser = Browser(url)
    assert browser("POST", "/login", {"name": "bert", "password": PASSWORD})[0] == 200
    told = user(place, "password", "bert", password="other words are better")  # noqa: S106
    assert told == (0, "bert has a new password, and is logged out everywhere.\n", "")
    assert browser("GET", "/me")[0] == 401
    assert browser("POST", "/login", {"name": "bert", "password": PASSWORD})[0] == 401
    assert browser("POST", "/login", {"name": "bert", "password": "other words are better"})[0] == 200
    assert "bert  viewer\n" in user(place, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "password", "told"),
    [
        (["add", "carla"], "short", "too short"),
        (["add", "no such name"], PASSWORD, "letters"),
        (["add"], PASSWORD, "Name the user"),
        (["password", "nobody"], PASSWORD, "no user nobody"),
        (["list", "--data", "elsewhere"], PASSWORD, "no ledger in elsewhere"),
    ],
)
def test_what_cannot_be_done_is_told(
    up: tuple[str, list[str]], place: Path, arguments: list[str], password: str, told: str
) -> None:
    where = [] if "--data" in arguments else ["--data", "data"]
    process = fallow("user", *arguments, *where, folder=place, stdin=subprocess.PIPE)
    out, err = process.communicate(password + "\n", timeout=120)
    assert (process.returncode in (1, 2), out) == (True, "")
    assert re.fullmatch(r"fallow: [^\n]*\n", err), err
    assert told in err


def test_there_is_no_link_when_there_is_an_admin(tmp_path: Path) -> None:
    process, lines = begun(tmp_path, tmp_path / "log")
    assert [line for line in lines if "/#/setup/" in line]
    stopped(process)
    assert user(tmp_path, "add", "anna", "--role", "admin")[0] == 0
    process, lines = begun(tmp_path, tmp_path / "log")
    assert [line for line in lines if "/#/setup/" in line] == []
    assert "/#/setup/" not in stopped(process)
