"""One call of a webhook: what it says, signed as Standard Webhooks has it, sent to a checked address, once.

Redirects are not followed, of an answer only the head is read, and nothing that is told of a failure has more of
the URL than its host: there may be a secret in the rest.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any

from fallow import __version__
from fallow.addresses import Reach, open_socket
from fallow.errors import FallowError, Rejected, Unavailable
from fallow.webhooks import Webhook

SECONDS = 10.0  # that a call may take
LONGEST_URL = 2048
_PREFIX = "whsec_"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_LATER = re.compile(rb"(?im)^retry-after:[ \t]*(\d{1,6})[ \t]*\r$")
# Names whose servers hang hold threads that nobody else waits for.
_THREADS = ThreadPoolExecutor(16, thread_name_prefix="webhook")


@dataclass(frozen=True)
class Answer:
    """What the other side says."""

    status: int
    later: float = 0.0  # seconds after which it wants to be called again

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def new_secret() -> str:
    """With which one webhook's calls are signed."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_url(url: str) -> None:
    """Raises Rejected for what cannot be called. Where it leads is looked at with every call."""
    try:
        parts = urllib.parse.urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or len(url) > LONGEST_URL or not all("!" <= letter <= "~" for letter in url):
        raise Rejected(
            "This is no URL that can be called; write it like https://example.com/told, without blanks, and what is"
            " not ASCII percent-encoded."
        )
    if parts.username or parts.password:
        raise Rejected("Leave name and password out of the URL: calls are signed, so that you know whose they are.")


def body_of(event: str, at: float, data: Mapping[str, Any]) -> bytes:
    """What a call says: of which kind it is, when that happened, and to what."""
    when = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": when, "data": data}, separators=(",", ":")).encode()


def signed(secret: str, call: str, at: float, body: bytes) -> dict[str, str]:
    """The headers by which the other side knows that it is we, and it is now."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.new(key, f"{call}.{int(at)}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": call, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


async def send(hook: Webhook, call: str, at: float, body: bytes, reach: Reach) -> Answer:
    """Raises NotAllowed for an address that is not to be called, Unavailable when there is no answer."""
    headers = signed(hook.secret, call, at, body)
    try:
        async with asyncio.timeout(SECONDS):
            return await _post(hook.url, body, headers, reach)
    except TimeoutError:
        raise Unavailable(f"It took longer than {SECONDS:g} seconds; answer first, then work on it.") from None
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or "no TLS"
        raise Unavailable(f"The encrypted connection failed ({why}).") from None
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        why = getattr(error, "strerror", None) or "the connection ended early"
        raise Unavailable(f"It gave no answer ({why}).") from None


def told(error: FallowError | None, answer: Answer | None) -> str:
    """A sentence about a call that failed; "" when it went well."""
    if error is not None:
        return str(error)
    if answer is None or answer.good:
        return ""
    moved = ", and redirects are not followed; change the URL" if 300 <= answer.status < 400 else ""
    return f"It answered with status {answer.status}{moved}."


async def _post(url: str, body: bytes, headers: Mapping[str, str], reach: Reach) -> Answer:
    parts = urllib.parse.urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    made = await asyncio.get_running_loop().run_in_executor(_THREADS, open_socket, host, port, reach, SECONDS)
    made.setblocking(False)
    reader, writer = await asyncio.open_connection(
        sock=made, ssl=_trust() if secure else None, server_hostname=host if secure else None
    )
    try:
        writer.write(_head(parts, headers, len(body)) + body)
        await writer.drain()
        return await _answer(reader)
    finally:
        writer.transport.abort()


def _head(parts: urllib.parse.SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = {
        "Host": parts.netloc,
        "User-Agent": f"Fallow/{__version__}",
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Connection": "close",
        **headers,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{told}\r\n".encode("ascii")


async def _answer(reader: asyncio.StreamReader) -> Answer:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _STATUS.match(head)
        if not found:
            raise Unavailable("What it answers is no HTTP.")
        if int(found[1]) >= 200:  # below are hints of what is to come
            later = _LATER.search(head)
            return Answer(int(found[1]), float(later[1]) if later else 0.0)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
