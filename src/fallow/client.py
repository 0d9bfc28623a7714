"""Talk to a Fallow server as people do: jobs in, results out. Standard library only."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fallow.calls import Server, away
from fallow.errors import Rejected, StorageFull, TransferFailed, Unavailable
from fallow.messages import from_wire
from fallow.tus import Watch, send

T = TypeVar("T")
_BLOCK = 1 << 20
_TRIES = 4  # of calls that change nothing
_PAGE = 500  # jobs in one answer


@dataclass(frozen=True)
class RenditionView:
    """How far one rendition of a job is."""

    name: str
    state: str = ""
    chunks_done: int = 0
    chunks_total: int = 0
    frames_done: int = 0
    frames_total: int = 0
    fps: float = 0.0
    size: int | None = None
    result_url: str | None = None
    facts: dict[str, Any] | None = None


@dataclass(frozen=True)
class RunningView:
    """What a worker is at."""

    task: str
    kind: str
    rendition: str
    number: int
    worker: str
    worker_name: str = ""
    frames: int = 0
    done_frames: int = 0
    fps: float = 0.0


@dataclass(frozen=True)
class ShareView:
    """What a worker has done for a job."""

    worker: str
    name: str = ""
    tasks: int = 0
    frames: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class FetchedView:
    """How much has come of a source that the server fetches."""

    bytes: int = 0
    length: int | None = None
    error: str = ""


@dataclass(frozen=True)
class JobView:
    """A job as the server tells it."""

    id: str
    name: str
    state: str
    created: float = 0.0
    updated: float = 0.0
    error: str | None = None
    error_kind: str | None = None
    source: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    renditions: tuple[RenditionView, ...] = ()
    tasks_running: tuple[RunningView, ...] = ()
    shares: tuple[ShareView, ...] = ()
    warnings: tuple[str, ...] = ()
    play_url: str | None = None
    fetched: FetchedView | None = None
    waits: str = ""
    paused: bool = False
    priority: str = "normal"

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobSummary:
    """A job as the server lists it."""

    id: str
    name: str
    state: str
    paused: bool = False
    priority: str = "normal"
    owner: str = ""
    created: float = 0.0
    updated: float = 0.0
    error: str = ""
    frames_done: int = 0
    frames_total: int = 0
    progress: float = 0.0
    fps: float = 0.0
    eta: float | None = None
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    renditions: tuple[str, ...] = ()
    size: int | None = None
    duration: float | None = None
    play_url: str | None = None


class Client:
    """One server, seen by one person. Calls that change nothing are tried again when the server is away."""

    def __init__(self, url: str, token: str = "") -> None:
        self._server = Server(url, token)
        self.url = self._server.url

    def create(
        self, name: str, profiles: Sequence[Any], options: Mapping[str, Any], key: str = "", source_url: str = ""
    ) -> JobView:
        """Announce a job; with the same key, the same job is answered. Its source may be fetched by the server."""
        body = {"name": name, "profiles": list(profiles), "options": dict(options)}
        more = {"key": key, "source_url": source_url}
        return self._job("POST", "/api/v1/jobs", body | {name: value for name, value in more.items() if value})

    def upload(self, job: str, path: Path, watch: Watch | None = None) -> JobView:
        """Send the source; over lost connections and restarts of the server, of which `watch` is told."""
        send(self._server, _quoted(job), path, watch or Watch())
        return self.job(job)

    def job(self, job: str) -> JobView:
        return self._job("GET", f"/api/v1/jobs/{_quoted(job)}")

    def jobs(self, limit: int = 100) -> list[JobSummary]:
        """The newest ones, newest first."""
        found: list[JobSummary] = []
        after = ""
        while len(found) < limit:
            most = min(limit - len(found), _PAGE)
            page = self._call("GET", f"/api/v1/jobs?limit={most}&after={_quoted(after)}")
            found += [self._told(JobSummary, item) for item in _items(page, "jobs")]
            if not (after := (page.get("next") or "") if isinstance(page, dict) else ""):
                break
        return found

    def cancel(self, job: str) -> JobView:
        return self._job("POST", f"/api/v1/jobs/{_quoted(job)}/cancel")

    def change(self, job: str, **changes: Any) -> JobView:
        """Of a job that is under way: `paused`, `priority`."""
        return self._job("PATCH", f"/api/v1/jobs/{_quoted(job)}", changes)

    def retry(self, job: str) -> JobView:
        return self._job("POST", f"/api/v1/jobs/{_quoted(job)}/retry")

    def remove(self, job: str) -> None:
        self._call("DELETE", f"/api/v1/jobs/{_quoted(job)}")

    def tasks(self, job: str) -> list[dict[str, Any]]:
        """All tasks of a job, with the attempts at them."""
        return _items(self._call("GET", f"/api/v1/jobs/{_quoted(job)}/tasks"), "tasks")

    def workers(self) -> list[dict[str, Any]]:
        return _items(self._call("GET", "/api/v1/workers"), "workers")

    def rank(self, worker: str, standing: str) -> None:
        """Have a worker be `active`, `draining` or `banned`."""
        self._call("PATCH", f"/api/v1/workers/{_quoted(worker)}", {"standing": standing})

    def profiles(self) -> list[dict[str, Any]]:
        return _items(self._call("GET", "/api/v1/profiles"), "profiles")

    def download(self, job: str, rendition: str, path: Path) -> int:
        """Bring a result to a file that appears whole or not at all; its size in bytes."""
        return self._save(f"/api/v1/jobs/{_quoted(job)}/results/{_quoted(rendition)}", path)

    def files(self, job: str) -> list[dict[str, Any]]:
        """The files of a stream, as far as it is there: name, size and SHA-256 of each."""
        return _items(self._call("GET", f"/api/v1/jobs/{_quoted(job)}/files"), "files")

    def download_file(self, job: str, name: str, path: Path) -> int:
        """Bring a file of a stream to one that appears whole or not at all; its size in bytes."""
        return self._save(f"/api/v1/jobs/{_quoted(job)}/files/{urllib.parse.quote(name)}", path)

    def _save(self, route: str, path: Path) -> int:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with self._server.answer("GET", route) as answer:
                size = _save(answer, unfinished)
            unfinished.replace(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"No space is left in {path.parent}; free some, and try again.") from error
            raise
        finally:
            unfinished.unlink(missing_ok=True)
        return size

    def wait(self, job: str, seen: Callable[[JobView], object], every: float = 1.0) -> JobView:
        """Follow a job to its end; `seen` is shown every view of it."""
        while True:
            view = self.job(job)
            seen(view)
            if view.ended:
                return view
            time.sleep(every)

    def _job(self, method: str, route: str, body: Any = None) -> JobView:
        return self._viewed(self._call(method, route, body))

    def _viewed(self, told: Any) -> JobView:
        return self._told(JobView, told)

    def _told(self, kind: type[T], told: Any) -> T:
        try:
            return from_wire(kind, told)
        except ValueError as error:
            raise self._stranger() from error

    def _call(self, method: str, route: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        tries = _TRIES if method == "GET" else 1
        for attempt in range(1, tries + 1):
            try:
                with self._server.answer(method, route, data) as answer:
                    return self._decoded(answer)
            except Unavailable:
                if attempt == tries:
                    raise
                time.sleep(0.25 * 2**attempt)
        raise AssertionError("unreachable")

    def _decoded(self, answer: http.client.HTTPResponse) -> Any:
        try:
            text = answer.read()
            return json.loads(text) if text else None
        except (OSError, http.client.HTTPException) as error:
            raise away(self.url, error) from error
        except ValueError as error:
            raise self._stranger() from error

    def _stranger(self) -> Rejected:
        return Rejected(f"{self.url} does not answer as a Fallow server does; check the address.")


def _save(answer: http.client.HTTPResponse, path: Path) -> int:
    """Write the body to a file, and check it against its length and the digest in its ETag."""
    expected = answer.length
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while data := _read(answer):
            file.write(data)
            digest.update(data)
            size += len(data)
    tag = (answer.getheader("ETag") or "").strip('"')
    if (expected is not None and size != expected) or (len(tag) == 64 and digest.hexdigest() != tag):
        raise TransferFailed("The download ended before all bytes had come, or with wrong ones; try again.")
    return size


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise TransferFailed(f"The download was broken off ({error}); try again.") from error


def _items(answer: Any, name: str) -> list[Any]:
    """A list, whether it came bare or under its name."""
    return list(answer[name] if isinstance(answer, dict) else answer)


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
