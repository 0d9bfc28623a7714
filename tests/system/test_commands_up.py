"""The commands that talk to a server, as processes against `fallow up` as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from running import ended, until
from watching import ENDLESS, PACED, RATE, SECONDS, decoded, times

SMALL = ["-p", "240p", "--set", "width=160", "--set", "height=90", "--chunk-seconds", "1"]
TWO = [*SMALL, "-p", "360p"]
SLOW = [*SMALL, "--set", f"preset={ENDLESS}"]
PEOPLE = "of-people"


@dataclass
class Server:
    """A platform, and commands that know where it is."""

    url: str
    join_token: str
    folder: Path

    def begin(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        known = {"FALLOW_SERVER": self.url, "FALLOW_API_TOKEN": PEOPLE, **environment}
        return fallow(*arguments, folder=self.folder, **known)

    def run(self, *arguments: object, **environment: str) -> tuple[int, str, str]:
        return ended(self.begin(*arguments, **environment))

    def json(self, *arguments: object) -> Any:
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    def refused(self, *arguments: object, **environment: str) -> str:
        """The sentence on stderr of a command that fails, and says nothing else."""
        code, out, err = self.run(*arguments, **environment)
        assert (code in (1, 2), out) == (True, "")
        assert re.fullmatch(r"fallow( worker)?: [^\n]*[.?]\n", err), err
        return err.strip()

    def submitted(self, *arguments: object) -> str:
        code, out, _ = self.run("submit", *arguments)
        assert (code, len(out.splitlines())) == (0, 1)
        return out.strip()


def fallow(
    *arguments: object, folder: Path, stdin: Any = None, err: Any = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FALLOW_")}
    command = [sys.executable, "-m", "fallow", *map(str, arguments)]
    piped = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": err, "text": True}
    return subprocess.Popen(command, cwd=folder, env={**bare, **environment}, **piped)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("up")
    environment = {"FALLOW_API_TOKEN": PEOPLE, "FALLOW_FFMPEG": PACED}
    process = fallow("up", "--port", 0, "--data", "data", "--workers", 2, folder=folder, **environment)
    lines = [process.stdout.readline() for _ in range(5)]
    url = re.search(r"http://[^;]+", lines[0])[0]
    yield Server(url, lines[4].split()[-1], folder)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err, err


@pytest.fixture(scope="module")
def done(server: Server, clip: Path) -> str:
    """A finished job of two renditions, which was followed to its end."""
    code, out, err = server.run("submit", clip, *TWO, "--wait")
    assert code == 0
    told = out.splitlines()
    job = told[0].split()[0]
    assert told[0] == f"{job}  clip.mp4  done"
    assert told[2].split()[:4] == ["240p", "done", "6/6", f"{SECONDS * RATE}/{SECONDS * RATE}"]
    assert err.startswith(f"The job is {job}.\n")
    return job


def test_a_job_is_seen_listed_and_brought_here(server: Server, done: str, clip: Path) -> None:
    view = server.json("status", done)
    assert (view["id"], view["state"], view["name"]) == (done, "done", "clip.mp4")
    assert done in [job["id"] for job in server.json("jobs")]
    code, out, err = server.run("jobs")
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith(done))
    assert row.split()[:6] == [done, "done", "clip.mp4", "240p", "360p", "100%"]
    code, out, err = server.run("download", done, "-o", "brought")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["brought/clip.240p.mp4", "brought/clip.360p.mp4"]
    path = server.folder / "brought" / "clip.240p.mp4"
    assert decoded(path) == SECONDS * RATE
    assert times(path) == pytest.approx(times(clip), abs=1e-6)
    # What is there is replaced, and what is not asked for is not touched.
    path.write_bytes(b"old")
    assert server.run("download", done, "240p", "-o", "brought")[:2] == (0, "brought/clip.240p.mp4\n")
    assert decoded(path) == SECONDS * RATE


def test_workers_and_profiles_are_listed(server: Server) -> None:
    code, out, err = server.run("workers")
    assert (code, err) == (0, "")
    assert sorted(line.split()[1] for line in out.splitlines()) == ["local-1", "local-2", "name"]
    assert {"local-1", "local-2"} <= {worker["name"] for worker in server.json("workers")}
    code, out, err = server.run("profiles")
    assert (code, err) == (0, "")
    assert [profile["name"] for profile in server.json("profiles")] == [
        line.split()[0] for line in out.splitlines()[1:]
    ]


def test_what_an_ended_job_does_not_allow_is_refused(server: Server, done: str) -> None:
    assert f"The job {done} is done; only an unfinished one" in server.refused("cancel", done)
    assert f"The job {done} is done; only a failed or cancelled one" in server.refused("retry", done)
    assert "no finished rendition 720p; finished: 240p, 360p." in server.refused("download", done, "720p")


@pytest.mark.parametrize("command", ["status", "cancel", "retry", "download"])
def test_an_unknown_job_is_refused(server: Server, command: str) -> None:
    assert server.refused(command, "nothing") == (
        "fallow: There is no job nothing; `fallow jobs` lists those that there are."
    )


def test_a_wrong_token_is_refused(server: Server, clip: Path) -> None:
    wrong = "fallow: This API token is unknown or has expired; make a new one, or take what `fallow up` prints."
    assert server.refused("jobs", "--token", "wrong") == wrong
    assert server.refused("submit", clip, *SMALL, "--token", "wrong") == wrong
    assert "programs show an API token, with --token" in server.refused("jobs", FALLOW_API_TOKEN="")
    assert "This join token is unknown" in server.refused("worker", server.url, "--token", "wrong")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1", "cannot be reached (Connection refused); is `fallow up` running there?"),
        ("http://127.0.0.1:99999", "is no server address; write it like http://localhost:8000."),
    ],
)
def test_no_server_is_there(server: Server, clip: Path, address: str, words: str) -> None:
    assert words in server.refused("submit", clip, *SMALL, "--server", address)
    assert words in server.refused("cancel", "j", "--server", address)


def test_places_that_cannot_be_written_are_refused(server: Server, done: str) -> None:
    (server.folder / "file").touch()
    (server.folder / "taken" / "clip.240p.mp4").mkdir(parents=True)
    assert "file is a file, so no results can be put below it" in server.refused("download", done, "-o", "file/x")
    assert "clip.240p.mp4 is a directory; choose" in server.refused("download", done, "-o", "taken")
    assert [path.name for path in (server.folder / "taken").iterdir()] == ["clip.240p.mp4"]


def test_an_unfinished_job_is_followed_left_cancelled_and_retried(server: Server, clip: Path) -> None:
    following = server.begin("submit", clip, *SLOW, "--wait")
    job = re.fullmatch(r"The job is (\w+)\.\n", following.stderr.readline())[1]
    assert "has no finished rendition yet" in server.refused("download", job)
    assert "only a failed or cancelled one" in server.refused("retry", job)
    following.send_signal(signal.SIGINT)
    code, out, err = ended(following)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        f"fallow: Interrupted. The job goes on; look at it with `fallow status {job}`, "
        f"stop it with `fallow cancel {job}`."
    )
    assert server.run("pause", job) == (0, "paused\n", "")
    assert server.json("status", job, "--json")["paused"] is True
    assert server.run("resume", job)[1] in ("splitting\n", "encoding\n")
    assert server.run("cancel", job) == (0, "cancelled\n", "")
    assert "only an unfinished one" in server.refused("pause", job)
    code, out, err = server.run("status", job)
    assert (code, out.splitlines()[0], err) == (
        1,
        f"{job}  clip.mp4  cancelled",
        "fallow: The job was cancelled.\n",
    )
    assert server.run("retry", job)[:2] == (0, "encoding\n")
    assert server.run("cancel", job)[0] == 0


def test_a_job_that_fails_says_why(server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"hello, world\n" * 100)
    code, out, err = server.run("submit", bad, *SMALL, "--wait")
    assert (code, out.splitlines()[0].split()[1:]) == (1, ["bad.mp4", "failed"])
    assert re.fullmatch(r"fallow: .*is no video.*\.", err.splitlines()[-1])
    code, out, _ = server.run("submit", bad, *SMALL, "--wait", "--json")
    assert (code, json.loads(out)["error_kind"]) == (1, "rejected")


def test_ctrl_c_while_a_source_is_sent_leaves_no_job(server: Server, tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(4 << 30)
    before = {job["id"] for job in server.json("jobs")}
    sending = server.begin("submit", big, *SMALL)
    parts = server.folder / "data" / "blobs" / ".part"
    # Its own job: workers may still upload what they made of another one.
    until(lambda: {job["id"] for job in server.json("jobs")} - before)
    sending.send_signal(signal.SIGINT)
    code, out, err = ended(sending)
    assert (code, out, err.splitlines()[-1]) == (130, "", "fallow: Interrupted. The job was not submitted.")
    until(lambda: not list(parts.iterdir()))
    assert {job["id"] for job in server.json("jobs")} == before


class HalfAnswers(BaseHTTPRequestHandler):
    """A server that sends half of a result, and then nothing more."""

    patience: ClassVar[float]  # seconds until it hangs up

    def do_GET(self) -> None:
        rendition = {"name": "240p", "state": "done", "result_url": "x"}
        whole = json.dumps({"id": "j", "name": "film.mov", "state": "done", "renditions": [rendition]}).encode()
        result = "/results/" in self.path
        self.send_response(200)
        self.send_header("Content-Length", str(1000 if result else len(whole)))
        self.end_headers()
        self.wfile.write(bytes(500) if result else whole)
        if result:
            self.wfile.flush()
            until(lambda: self.patience == 0.0)
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("end", ["the person", "the server"])
def test_a_download_that_is_broken_off_leaves_nothing(tmp_path: Path, end: str) -> None:
    HalfAnswers.patience = 60.0
    with ThreadingHTTPServer(("127.0.0.1", 0), HalfAnswers) as half:
        threading.Thread(target=half.serve_forever, args=(0.02,)).start()
        address = f"http://127.0.0.1:{half.server_address[1]}"
        loading = fallow("download", "j", "-o", "new/out", folder=tmp_path, FALLOW_SERVER=address)
        until(lambda: list(tmp_path.rglob("*.part")))
        if end == "the person":
            loading.send_signal(signal.SIGINT)
            code, out, err = ended(loading)
            HalfAnswers.patience = 0.0
        else:
            HalfAnswers.patience = 0.0
            code, out, err = ended(loading)
        half.shutdown()
    told = "Interrupted." if end == "the person" else "The download ended before all bytes had come"
    assert (code, out, err.count("\n")) == (130 if end == "the person" else 1, "", 1)
    assert err.startswith(f"fallow: {told}")
    assert list(tmp_path.iterdir()) == []


def test_a_worker_joins_and_leaves(server: Server) -> None:
    worker = server.begin("worker", server.url, "--token", server.join_token, "--name", "guest", "--slots", 1)
    until(lambda: "guest" in [found["name"] for found in server.json("workers")])
    worker.send_signal(signal.SIGINT)
    code, out, err = ended(worker)
    assert (code, out) == (0, "")
    assert "Traceback" not in err


def test_the_doctor_finds_this_machine_healthy(server: Server) -> None:
    code, out, err = server.run("doctor", "--data", "data")
    assert (code, err) == (0, "")
    told = server.json("doctor", "--data", "data")
    assert told["ok"]
    assert all(finding["detail"] in out for finding in told["findings"] if "free" not in finding["detail"])
