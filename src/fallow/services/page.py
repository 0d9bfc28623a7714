"""The web page: what web/build_page.py has built, under a policy that lets nothing in from elsewhere."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

import fallow

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",  # hls.js plays from memory; a source that is compared is a file of the user's
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NOT_BUILT = (
    "Fallow runs, but its web page was not built. Run python web/build_page.py in the source tree, or install the "
    "package again without FALLOW_WITHOUT_PAGE. The API is described at /api/docs."
)
_FOR_EVER = "public, max-age=31536000, immutable"  # the name changes with the content
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


def folder() -> Path:
    """Where the page is: in the package, or beside the sources of an editable install."""
    package = Path(fallow.__file__).parent
    packed = package / "page"
    return packed if packed.is_dir() else package.parents[1] / "web" / "dist"


def routes(place: Path) -> list[Route]:
    async def index(request: Request) -> Response:
        file = place / "index.html"
        if not file.is_file():
            return HTMLResponse(f"<!doctype html><title>Fallow</title><p>{NOT_BUILT}</p>", 503, HEADERS)
        return _sent(request, file, "no-cache")

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        file = place / "assets" / name
        if not _NAME.fullmatch(name) or not file.is_file():
            return Response("There is no such file; load the page again.", 404, HEADERS, "text/plain")
        return _sent(request, file, _FOR_EVER)

    return [Route("/", index), Route("/assets/{name}", asset)]


def _sent(request: Request, file: Path, kept: str) -> Response:
    """The file, in the smallest form that was made of it and that the browser takes."""
    taken = re.split(r"[,;\s]+", request.headers.get("accept-encoding", ""))
    headers = {**HEADERS, "Cache-Control": kept, "Vary": "Accept-Encoding"}
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    for encoding, ending in _ENCODINGS:
        small = file.with_name(file.name + ending)
        if encoding in taken and small.is_file():
            return FileResponse(small, headers={**headers, "Content-Encoding": encoding}, media_type=kind)
    return FileResponse(file, headers=headers, media_type=kind)
