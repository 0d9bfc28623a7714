"""Multipart uploads of S3 that nobody will complete: their parts take space, but no list of objects shows them.

The library neither lists nor aborts uploads of others, so these requests are made and signed here.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import http.client
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from fallow.errors import Unavailable

_TIMEOUT = 60.0
_NOTHING = hashlib.sha256(b"").hexdigest()
_UPLOAD = re.compile(r"<Upload>(.*?)</Upload>", re.DOTALL)


@dataclass(frozen=True)
class Account:
    """Where the bucket is, and what is shown for it."""

    endpoint: str
    bucket: str
    region: str
    key: str
    secret: str
    token: str = ""
    hosted: bool = False  # the endpoint's host is the bucket's


@dataclass(frozen=True)
class Unfinished:
    """An upload under way, or given up."""

    path: str
    upload: str
    begun: datetime


def account(bucket: str, config: Mapping[str, str], environment: Mapping[str, str]) -> Account | None:
    """What these options and variables say of S3; None when they name no key, as where a machine has a role."""

    def given(*names: str) -> str:
        found = [config.get(name) or environment.get(f"AWS_{name.upper()}", "") for name in names]
        return next((value for value in found if value), "")

    key, secret = given("access_key_id"), given("secret_access_key")
    if not key or not secret:
        return None
    region = given("region", "default_region") or "us-east-1"
    hosted = given("virtual_hosted_style_request").lower() == "true"
    endpoint = given("endpoint", "endpoint_url")
    if not endpoint:
        host = f"{bucket}.s3.{region}" if hosted else f"s3.{region}"
        endpoint = f"https://{host}.amazonaws.com"
    return Account(endpoint, bucket, region, key, secret, given("session_token"), hosted)


class Uploads:
    """The uploads of one bucket. Its calls block, and raise Unavailable."""

    def __init__(self, at: Account) -> None:
        self._at = at

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        markers: dict[str, str] = {}
        while True:
            text = self._call("GET", "", {"uploads": "", "prefix": prefix, **markers})
            for found in _UPLOAD.findall(text):
                begun = datetime.fromisoformat(_value(found, "Initiated").replace("Z", "+00:00"))
                yield Unfinished(_value(found, "Key"), _value(found, "UploadId"), begun)
            if _value(text, "IsTruncated") != "true":
                return
            markers = {
                "key-marker": _value(text, "NextKeyMarker"),
                "upload-id-marker": _value(text, "NextUploadIdMarker"),
            }

    def abort(self, one: Unfinished) -> None:
        """It may have been completed or aborted meanwhile."""
        self._call("DELETE", one.path, {"uploadId": one.upload})

    def _call(self, method: str, path: str, query: Mapping[str, str]) -> str:
        url = urllib.parse.urlsplit(self._at.endpoint)
        pieces = [url.path.strip("/"), "" if self._at.hosted else self._at.bucket, path]
        target = "/" + urllib.parse.quote("/".join(piece for piece in pieces if piece), safe="/-._~")
        asked = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="-._~")
        made = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = made(url.netloc, timeout=_TIMEOUT)
        try:
            connection.request(method, f"{target}?{asked}", headers=self._signed(method, url.netloc, target, asked))
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{self._at.bucket} does not list its uploads: {error}.") from error
        finally:
            connection.close()
        if answer.status >= 300 and answer.status != 404:
            code = _value(text, "Code") or "no reason"
            raise Unavailable(f"{self._at.bucket} does not list its uploads: status {answer.status} ({code}).")
        return text

    def _signed(self, method: str, host: str, target: str, query: str) -> dict[str, str]:
        """Signature version 4, in headers."""
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": now}
        if self._at.token:
            headers["x-amz-security-token"] = self._at.token
        names = ";".join(headers)
        told = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = "\n".join([method, target, query, told, names, _NOTHING])
        scope = f"{now[:8]}/{self._at.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self._at.secret}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        shown = f"Credential={self._at.key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {shown}"}


def _value(text: str, name: str) -> str:
    """What stands in the first element of that name."""
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return html.unescape(found[1]) if found else ""
