"""`fallow doctor` and buckets: endpoint, clock, credentials, every operation that is needed, and signed links."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Literal

import obstore
from obstore.exceptions import BaseError

from fallow.adapters.check_network import STEP_SECONDS, Trouble, beside, clocks, reach
from fallow.adapters.object_links import put_headers
from fallow.adapters.object_url import open_store
from fallow.adapters.store_object import ObjectStore
from fallow.findings import BAD, GOOD, WARNING, Finding
from fallow.worker import connection

_TIMES = dict.fromkeys(("connect_timeout", "read_timeout", "timeout"), timedelta(seconds=STEP_SECONDS))
_RETRIES = {
    "max_retries": 1,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
    "retry_timeout": timedelta(seconds=STEP_SECONDS),
}
_ALL_SECONDS = 6 * STEP_SECONDS  # for everything that is asked of a bucket, each question in time
_THROUGH = "links=gateway"  # the option by which no links of the bucket are used
_SIGNS_NONE = "these credentials cannot sign links"
_BODY = b"fallow doctor"
_LINK = timedelta(minutes=2)
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_QUERY = re.compile(r"\?[^\s\"')]+")

_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_CONNECTION_STRING",
    "gs": "GOOGLE_SERVICE_ACCOUNT",
}
_NO_BUCKET = ("there is no such bucket or container", "Make it, or correct the name in FALLOW_STORE_URL.")
_WRONG_SECRET = ("the secret key is refused", "Correct it.")
_SKEWED = ("it refuses this machine's clock", "Let it get its time from the network (chrony, systemd-timesyncd).")
_SAID = {
    "NoSuchBucket": _NO_BUCKET,
    "ContainerNotFound": _NO_BUCKET,
    "InvalidAccessKeyId": ("it knows no such access key", "Correct the access key, or the endpoint."),
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "AuthenticationFailed": _WRONG_SECRET,
    "AuthorizationFailure": _WRONG_SECRET,
    "ExpiredToken": ("the session token has expired", "Get a new one."),
    "InvalidToken": ("the session token is refused", "Get a new one."),
    "RequestTimeTooSkewed": _SKEWED,
    "PermanentRedirect": ("the bucket is elsewhere", "Correct the region or the endpoint."),
    "AuthorizationHeaderMalformed": ("the region is wrong", "Correct the region."),
}
_DENIED = {"AccessDenied", "AuthorizationPermissionMismatch", "Forbidden"}


async def check(url: str, most: float) -> list[Finding]:
    """Do with a bucket what Fallow does. Clocks may differ by less than `most` seconds. Raises BadSetting."""
    store = _impatient(open_store(url))
    parts = urllib.parse.urlsplit(url)
    name = f"{parts.scheme}://{parts.netloc}"
    path = store.path(f"doctor/{uuid.uuid4().hex}")
    try:
        root = await _root(store, path, parts)
        if endpoint := urllib.parse.urlsplit(root).hostname:
            await reach(endpoint, urllib.parse.urlsplit(root).port or (443 if root.startswith("https:") else 80))
    except Trouble as trouble:
        return [Finding("store", BAD, f"{name}: {trouble.detail}", trouble.remedy)]
    return [
        Finding("store", finding.state, f"{name}: {finding.detail}", finding.remedy)
        for found in await asyncio.gather(
            _clock(root, most),
            _operations(store, path, parts.scheme),
            _links(store, f"{path}.link", parts),
        )
        for finding in found
    ]


async def _root(store: ObjectStore, path: str, parts: urllib.parse.SplitResult) -> str:
    """The address of the server, as its links tell it; "" when it is not known. Raises Trouble."""
    try:
        link = urllib.parse.urlsplit(await _asked(lambda: _signed(store, "GET", path), "sign links", parts.scheme))
    except Trouble as trouble:
        if _THROUGH in parts.query or trouble.detail == _SIGNS_NONE:
            return str(store.remote.config.get("endpoint", ""))
        raise
    return f"{link.scheme}://{link.netloc}/"


def _impatient(store: ObjectStore) -> ObjectStore:
    """The same bucket, asked by a client that does not wait for long."""
    patient = store.remote
    options = {**(patient.client_options or {}), **_TIMES}
    store.remote = type(patient)(config=patient.config, client_options=options, retry_config=_RETRIES)
    return store


async def _asked(question: Callable[[], Any], what: str, scheme: str) -> Any:
    """Raises Trouble."""
    try:
        return await beside(question, _ALL_SECONDS)
    except TimeoutError:
        raise Trouble(f"it does not {what} within {_ALL_SECONDS:g} s", "See to the server.") from None
    except (BaseError, OSError, HTTPException, ValueError) as error:
        raise _trouble(error, what, scheme) from None


def _trouble(error: Exception, what: str, scheme: str) -> Trouble:
    text = str(error)
    code = found[1] if (found := _CODE.search(text)) else ""
    if code in _SAID:
        return Trouble(*_SAID[code])
    if code in _DENIED or "403 Forbidden" in text.partition("\n\n")[0]:
        return Trouble(f"the credentials may not {what}", "Give them the right to do it, in the bucket's policy.")
    if "169.254.169.254" in text or "metadata.google" in text:  # where machines of a cloud ask for theirs
        return Trouble("there are no credentials", f"Set {_CREDENTIALS[scheme]}.")
    if "is not supported" in text:
        return Trouble(_SIGNS_NONE, "Give the account's key, if its workers reach the bucket.")
    gist = _QUERY.sub("", " ".join(text.partition("\n\n")[0].split()))[:200] or type(error).__name__
    return Trouble(f"it does not {what} ({gist})", "See to the server, and to the endpoint that is named.")


async def _clock(root: str, most: float) -> list[Finding]:
    """By the date of an answer, whatever it is. Without one, nothing can be said."""
    try:
        told, received = await beside(lambda: _date(root), 2 * STEP_SECONDS)
        ahead = parsedate_to_datetime(told).timestamp() + 0.5 - received  # it tells whole seconds, cut off
    except (*connection.TROUBLE, TimeoutError, ValueError, TypeError):
        return []
    return [clocks("store", ahead, most)]


def _date(root: str) -> tuple[str, float]:
    http = connection.connect(root, STEP_SECONDS)
    try:
        begun = time.time()
        http.request("GET", "/")
        answer = http.getresponse()
        return answer.headers.get("Date", ""), (begun + time.time()) / 2
    finally:
        http.close()


async def _operations(store: ObjectStore, path: str, scheme: str) -> list[Finding]:
    begun = time.monotonic()
    try:
        troubles = await _asked(lambda: list(_operate(store, path, scheme)), "answer", scheme)
    except Trouble as trouble:
        troubles = [trouble]
    if troubles:
        return [Finding("store", BAD, trouble.detail, trouble.remedy) for trouble in troubles]
    took = 1000 * (time.monotonic() - begun)
    told = f"objects were stored, whole and in parts, read, listed and deleted, in {took:.0f} ms"
    return [Finding("store", GOOD, told)]


def _operate(store: ObjectStore, path: str, scheme: str) -> Iterator[Trouble]:
    """All that Fallow does with a bucket; whatever is refused."""
    remote, parts = store.remote, f"{path}.parts"
    folder = path.rpartition("/")[0]
    steps: dict[str, Callable[[], object]] = {
        "store objects": lambda: obstore.put(remote, path, _BODY, use_multipart=False),
        "store objects in parts": lambda: obstore.put(remote, parts, _BODY, use_multipart=True),
        "read objects": lambda: obstore.get_range(remote, path, start=1, length=2),
        "list objects": lambda: list(obstore.list(remote, folder)),
        "delete objects": lambda: obstore.delete(remote, [path, parts]),
    }
    refused = ""
    for what, step in steps.items():
        if refused == "store objects" and what != "list objects":
            continue  # there is nothing to do it with
        try:
            step()
        except (BaseError, OSError) as error:
            trouble = _trouble(error, what, scheme)
            yield trouble
            if "may not" not in trouble.detail:
                return  # the others would meet the same
            refused = refused or what


async def _links(store: ObjectStore, path: str, parts: urllib.parse.SplitResult) -> list[Finding]:
    """Store and fetch as a worker does."""
    if _THROUGH in parts.query:
        return []
    try:
        await _asked(lambda: _use_links(store, path), "answer to signed links", parts.scheme)
    except Trouble as trouble:
        remedy = f"{trouble.remedy} Until then all bytes pass through the gateway."
        return [Finding("store", WARNING, f"by signed links, {trouble.detail}", remedy)]
    return [
        Finding("store", GOOD, "workers can store and fetch by signed links, if they reach it as this machine does")
    ]


def _signed(store: ObjectStore, method: Literal["GET", "PUT"], path: str) -> str:
    return str(obstore.sign(store.remote, method, path, _LINK))


def _use_links(store: ObjectStore, path: str) -> None:
    try:
        _transfer("PUT", _signed(store, "PUT", path), _BODY, dict(put_headers(store)))
        if _transfer("GET", _signed(store, "GET", path), None, {}) != _BODY:
            raise ValueError("what came is not what was stored")
    finally:
        with contextlib.suppress(BaseError, OSError):
            obstore.delete(store.remote, path)


def _transfer(method: str, link: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    http = connection.connect(link, STEP_SECONDS)
    try:
        http.request(method, connection.target(link), body, headers)
        answer = http.getresponse()
        content = answer.read(1 << 20)
    finally:
        http.close()
    if answer.status // 100 != 2:
        raise ValueError(f"{answer.status} {answer.reason}: {content.decode(errors='replace')}")
    return content
