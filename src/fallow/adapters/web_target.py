"""An address of the web, taken apart and checked: nothing of it is sent that was not understood."""

from __future__ import annotations

import base64
import urllib.parse
from dataclasses import dataclass, replace

from fallow.errors import Rejected
from fallow.fetching import shown

_LONGEST = 8192
_PORTS = {"http": 80, "https": 443}
_AS_IT_IS = "/%:@!$&'()*+,;=-._~"  # in a path, beside letters and digits


@dataclass(frozen=True)
class Target:
    """Where a question goes, and what stands in it."""

    url: str
    scheme: str
    host: str
    port: int
    path: str  # with the query
    login: str = ""  # what Authorization says

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises Rejected."""
        try:
            return cls._of(url)
        except (ValueError, UnicodeError):
            raise Rejected("That is no address that a video can be fetched from; write it as https://…") from None

    @classmethod
    def _of(cls, url: str) -> Target:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in _PORTS:
            raise Rejected(
                "Videos are fetched from http:// and https:// alone; give such an address, or upload the file."
            )
        if (
            len(url) > _LONGEST
            or not parts.hostname
            or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url)
        ):
            raise ValueError
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        path = urllib.parse.quote(parts.path, _AS_IT_IS) or "/"
        query = urllib.parse.quote(parts.query, _AS_IT_IS + "?")
        login = ""
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            login = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return cls(url, parts.scheme, host, port, path + (f"?{query}" if query else ""), login)

    @property
    def encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def shown(self) -> str:
        """What anybody may know."""
        return shown(self.url)

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def led_to(self, location: str) -> Target:
        """Where a redirect goes; no other server is told the password that was meant for this. Raises Rejected."""
        new = replace(Target.of(urllib.parse.urljoin(self.url, location)), login="")
        same = (new.scheme, new.host, new.port) == (self.scheme, self.host, self.port)
        return replace(new, login=self.login) if same else new
