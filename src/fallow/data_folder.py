"""The folder of a process: one has it at a time. It keeps the secret that everything is signed with, and tokens."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fallow.errors import BadSetting, Conflict


@dataclass(frozen=True)
class DataFolder:
    """An open data folder."""

    path: Path
    secret: bytes
    home: str  # 16 letters and digits that name this folder among all
    _leave: Callable[[], object]

    @classmethod
    def passing(cls, secret: str) -> DataFolder:
        """A folder that lasts as long as this process. With the secret of others ("": a new one), their links and
        tokens are its own."""
        folder = tempfile.TemporaryDirectory(prefix="fallow-", ignore_cleanup_errors=True)
        own = hashlib.sha256(secret.encode()).digest() if secret else secrets.token_bytes(32)
        return cls(Path(folder.name), own, secrets.token_hex(8), folder.cleanup)

    @classmethod
    def open(cls, path: Path, secret: str = "") -> DataFolder:
        """Make the folder if need be, and take it. Raises Conflict when another process has it."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadSetting(f"The data folder {path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Conflict(
                f"Another Fallow runs with the data folder {path}; stop it, or choose another folder with --data."
            ) from None
        kept = _secret(path / "secret")
        home = hmac.new(kept, b"home", hashlib.sha256).hexdigest()[:16]
        own = hashlib.sha256(secret.encode()).digest() if secret else kept
        return cls(path, own, home, lambda: os.close(lock))

    def derive(self, purpose: str) -> str:
        """A secret of its own for one purpose, the same after a restart."""
        return hmac.new(self.secret, purpose.encode(), hashlib.sha256).hexdigest()

    def keep(self, name: str) -> str:
        """A token that people can look up in the folder, if they may read it."""
        token, path = self.derive(name)[:32], self.path / name
        if not path.exists() or path.read_text().strip() != token:
            _write_private(path, token.encode() + b"\n")
        return token

    def close(self) -> None:
        self._leave()


def _secret(path: Path) -> bytes:
    try:
        if path.exists() and len(secret := path.read_bytes()) >= 32:
            return secret
        made = secrets.token_bytes(32)
        _write_private(path, made)
        return made
    except OSError as error:
        raise BadSetting(f"The secret {path} cannot be read or written: {error.strerror}.") from error


def _write_private(path: Path, content: bytes) -> None:
    """A file that nobody else may read, there whole or not at all."""
    part = path.with_name(f".{path.name}.new")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    part.replace(path)
