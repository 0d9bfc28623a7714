"""An agent takes over its gateway's version: once all agree on it, tried beforehand, with its work finished."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import random
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fallow import log
from fallow.errors import FallowError, Retryable, WrongDigest
from fallow.worker.kept import write
from fallow.worker.own_file import OwnFile

AUTO, ON, OFF = "auto", "on", "off"
WHEN = (AUTO, ON, OFF)
DAY, HOUR = 86_400.0, 3600.0
_LEFT = "It was left."
_DIGEST = re.compile(r"[0-9a-f]{64}")


def may_trust(url: str) -> bool:
    """Whether nobody in between can put in what he likes: by https, or on this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    return False


class Shunned:
    """Versions that are not taken for a while, and why: kept beside the file, as the next process must know them.

    What was left is among them. Gateways of two versions behind one address would have agents go to and fro.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[float, str]] = {}

    def now(self, sha256: str) -> bool:
        until, _ = self._load().get(sha256, (0.0, ""))
        # A clock that was set back makes no week of a day.
        return 0.0 < until - time.time() <= DAY

    def add(self, sha256: str, seconds: float, why: str) -> bool:
        """Whether nothing was wrong with it so far."""
        known = self._load()
        new = known.get(sha256, (0.0, _LEFT))[1] == _LEFT
        self._known = {**known, sha256: (time.time() + seconds, why)}
        with contextlib.suppress(OSError):
            write(self._path, json.dumps(self._known).encode())
        return new

    def _load(self) -> dict[str, tuple[float, str]]:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            told = json.loads(self._path.read_text(encoding="utf-8"))
            self._known |= {str(key): (float(until), str(why)) for key, (until, why) in told.items()}
        return self._known


class Updater:
    """Hears what the gateway's version is, and has what is to take this one's place in `ready`."""

    def __init__(self, file: OwnFile, settle: float, fetch: Callable[[], bytes], drain: Callable[[], None]) -> None:
        self._file = file
        self._settle = settle
        self._fetch = fetch
        self._drain = drain
        self._shunned = Shunned(file.path.with_name(f"{file.path.name}.json"))
        self._lock = threading.Lock()
        self._asked: tuple[str, float] | None = None  # what is asked for without a break, and when it is due
        self._busy = False
        self.ready: Path | None = None

    def heard(self, sha256: str) -> None:
        """By any thread, with each answer."""
        with self._lock:
            if self._busy or not _DIGEST.fullmatch(sha256):
                return
            if sha256 == self._file.sha256:
                self._asked = None  # some gateway still has this version: the others may be going, or coming
                return
            now = time.monotonic()
            if self._asked is None or self._asked[0] != sha256:
                # With chance in it, so that a thousand agents do not come at once.
                self._asked = (sha256, now + self._settle * random.uniform(1.0, 1.5))  # noqa: S311 (no secret)
            if now < self._asked[1] or self._shunned.now(sha256):
                return
            self._busy = True
        threading.Thread(target=self._prepare, args=(sha256,), name="update", daemon=True).start()

    def distrust(self, sha256: str) -> None:
        """The same, where anybody in between may have said it, and may send what he likes."""
        if sha256 != self._file.sha256 and not self._busy:
            self._busy = True
            log.trouble(
                "agent.not-updated",
                "The gateway has another version of this agent, but what comes by http can be changed on its way. "
                "Give its https address; or --update on, if you trust this network; or download it again by hand.",
                version=sha256[:12],
            )

    def take_over(self, variables: dict[str, str]) -> int:
        """Be the new version. What cannot be put in its place leaves the old one working."""
        if self.ready is not None and self.ready != self._file.path:
            try:
                self.ready.replace(self._file.path)
            except OSError as error:
                self._refuse(self._asked[0] if self._asked else "", error, DAY)
                self.ready.unlink(missing_ok=True)
        return self._file.run(variables)

    def _prepare(self, sha256: str) -> None:
        try:
            self.ready = self._tried(sha256)
        except (FallowError, OSError) as error:
            # A gateway that is away, or another one that answered, may be here in a while.
            passing = isinstance(error, (Retryable, OSError))
            self._refuse(sha256, error, HOUR if passing else DAY)
            with self._lock:
                self._busy, self._asked = False, None
            return
        self._shunned.add(self._file.sha256, DAY, _LEFT)
        log.event("agent.update", before=self._file.sha256[:12], after=sha256[:12])
        self._drain()

    def _tried(self, sha256: str) -> Path:
        if self._file.holds(sha256):  # another agent has it from here
            self._file.attempt(self._file.path)
            return self._file.path
        data = self._fetch()
        if (found := hashlib.sha256(data).hexdigest()) != sha256:
            raise WrongDigest(f"What came has the SHA-256 {found[:12]}… instead of {sha256[:12]}….")
        beside = self._file.place(data)
        try:
            self._file.attempt(beside)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return beside

    def _refuse(self, sha256: str, error: Exception, seconds: float) -> None:
        """Told once; the next tries are for those who look closely."""
        if self._shunned.add(sha256, seconds, str(error)):
            log.trouble(
                "agent.not-updated",
                f"The gateway's version of this agent is not taken; this one goes on. {str(error).rstrip('.')}. "
                "Tell the platform's owner, or try to start a fresh fallow-worker.pyz by hand.",
                version=sha256[:12],
            )
