"""A plain web server on loopback: the page, the players, and folders of results, as a public host serves them."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".m4v": "video/mp4",
    ".m4a": "audio/mp4",
    ".vtt": "text/vtt; charset=utf-8",
    ".jpg": "image/jpeg",
}


class Website:
    """`folders` are served under their names; `asked` are the paths that were asked for, in order."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = dict(folders)
        self.asked: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Website:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def found(self, path: str) -> Path | None:
        """The file of a path, if it is in one of the folders."""
        name, _, rest = path.strip("/").partition("/")
        folder = self.folders.get(name)
        if folder is None:
            return None
        file = (folder / rest).resolve()
        return file if file.is_file() and file.is_relative_to(folder.resolve()) else None


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Nothing: a player that changes its mind hangs up."""


def span(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range of bytes that a Range header asks for; None when it asks for none."""
    matched = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if not matched or matched[0] == "bytes=-":
        return None
    first, last = matched.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _handler(site: Website) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            site.asked.append(path)
            file = site.found(path)
            if file is None:
                self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
                return
            content, kind = file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream")
            part = span(self.headers.get("Range", ""), len(content))
            if part is None:
                self._answer(HTTPStatus.OK, content, kind)
            elif part[0] >= len(content):
                told = {"Content-Range": f"bytes */{len(content)}"}
                self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", kind, told)
            else:
                told = {"Content-Range": f"bytes {part[0]}-{part[1] - 1}/{len(content)}"}
                self._answer(HTTPStatus.PARTIAL_CONTENT, content[slice(*part)], kind, told)

        def _answer(self, status: int, body: bytes, kind: str, told: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"}
            # The page may be another host's; a playlist may grow.
            headers |= {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", **(told or {})}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: `asked` has it."""

    return Handler
