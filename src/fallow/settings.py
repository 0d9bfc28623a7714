"""Every setting of the platform: its flag, its FALLOW_* variable and its key in fallow.toml are one name."""

# ruff: noqa: RUF009 - `_setting` makes dataclass fields, as `field` does

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fallow.addresses import Reach
from fallow.errors import BadSetting

FILE = "fallow.toml"
SECRETS = ("token", "api_token", "secret", "queue_url", "ledger_url", "store_url")
"""Settings that may stand in a file of their own, which FALLOW_…_FILE names: the URLs have passwords in them."""
SHORTEST_SECRET = 16  # characters


def _setting(default: Any, told: str) -> Any:
    return field(default=default, metadata={"told": told})


@dataclass(frozen=True)
class Settings:
    """How a platform is to run. Made by `load`; flags win over the environment, that over the file."""

    data: Path = _setting(Path("fallow-data"), "folder of the ledger, the store and the secret")
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one")
    workers: int = _setting(-1, "local agents to start; -1: as many as use all cores")
    ffmpeg: str = _setting("", "FFmpeg for local agents; empty: the one that comes with Fallow, else of PATH")
    token: str = _setting("", "what agents join with; empty: made up once and kept in the data folder")
    api_token: str = _setting("", "what people must show; empty: nothing on this machine, made up for others")
    ledger_url: str = _setting("", "ledger: sqlite:///PATH or mysql://…; empty: in the data folder")
    secret: str = _setting(
        "", "what links are signed with, the same for all gateways; empty: kept in the data folder"
    )
    queue_url: str = _setting("memory:", "queue: memory: or amqp://USER:PASSWORD@HOST,HOST/VHOST")
    store_url: str = _setting("", "store: file:///PATH, s3://, az:// or gs://; empty: in the data folder")
    lease_seconds: float = _setting(30.0, "a worker that is silent for so long loses its task")
    renew_seconds: float = _setting(0.0, "how often workers report; 0: a third of lease_seconds")
    attempts: int = _setting(5, "attempts at a task before its job fails")
    attempt_seconds: float = _setting(1800.0, "deadline of an attempt; a minute is added per unit of cost")
    window: int = _setting(
        4, "tasks of a kind that wait for workers at a time, at least; more where they are quick"
    )
    joins: int = _setting(4, "results that a joiner writes at a time; most of them wait for parts")
    bundle_seconds: float = _setting(
        20.0, "seconds of work that one lease may bring, by the worker's speed; 0: one task each"
    )
    divide_seconds: float = _setting(
        20.0, "seconds that a piece of a chunk takes a slow worker at least; 0: chunks are not divided"
    )
    taper: float = _setting(
        3.0, "a job's last chunks are what is left of it over so many times its workers; 0: all are alike"
    )
    hedge: float = _setting(0.1, "share of a job's work that may be done twice, to be done sooner; 0: none")
    space_wait: float = _setting(30.0, "seconds until the first new try after the disk was full")
    upload_wait: float = _setting(86400.0, "seconds without a byte of its source until a job is removed")
    source_days: float = _setting(
        7.0, "days that the source of a finished job is kept, to be compared with its results; 0: it goes at once"
    )
    source_bytes: int = _setting(256 << 30, "bytes of a source, at most")
    source_urls: str = _setting("off", "whether jobs may name the address of their source: on or off")
    source_networks: str = _setting(
        "", "private networks that sources may be fetched from, as 10.1.0.0/16 192.168.7.9; others never are"
    )
    stop_seconds: float = _setting(20.0, "how long `fallow serve` finishes what it is at before it gives it back")
    play_seconds: float = _setting(604800.0, "how long a link that plays a stream can be used")
    play_origins: str = _setting("", "other sites whose pages may play streams, as https://site.example; *: all")
    session_idle: float = _setting(43_200.0, "seconds without use after which people have to log in again")
    session_seconds: float = _setting(1_209_600.0, "seconds after which they have to in any case")
    proxies: str = _setting("", "addresses of reverse proxies, which say truly for whom they ask")
    webhook_networks: str = _setting(
        "", "networks that webhooks may be in besides the Internet, as 10.0.0.0/8 192.168.1.20"
    )
    log: str = _setting("text", "log lines: text, json or off")

    def __post_init__(self) -> None:
        if self.secret and len(self.secret) < SHORTEST_SECRET:
            raise BadSetting(f"The secret is too short; take {SHORTEST_SECRET} letters and digits or more.")
        if self.source_urls not in ("on", "off"):
            raise BadSetting(f"source_urls = {self.source_urls!r} is neither on nor off.")
        Reach.told(self.source_networks, variable("source_networks"))
        _within("port", self.port, 0, 65535)
        _within("workers", self.workers, -1, 1024)
        _within("lease_seconds", self.lease_seconds, 0.2, 86400)
        _within("renew_seconds", self.renew_seconds, 0, self.lease_seconds)
        _within("attempts", self.attempts, 1, 1000)
        _within("attempt_seconds", self.attempt_seconds, 1, 31 * 86400)
        _within("window", self.window, 1, 100_000)
        _within("joins", self.joins, 1, 64)
        _within("bundle_seconds", self.bundle_seconds, 0, 3600)
        _within("divide_seconds", self.divide_seconds, 0, 3600)
        _within("taper", self.taper, 0, 100)
        _within("hedge", self.hedge, 0, 1)
        _within("space_wait", self.space_wait, 0.1, 3600)
        _within("source_days", self.source_days, 0, 36500)
        _within("source_bytes", self.source_bytes, 1, 1 << 50)
        _within("stop_seconds", self.stop_seconds, 0, 86400)
        _within("play_seconds", self.play_seconds, 60, 366 * 86400)
        _within("session_idle", self.session_idle, 60, 366 * 86400)
        _within("session_seconds", self.session_seconds, 60, 366 * 86400)
        _within("upload_wait", self.upload_wait, 300, 366 * 86400)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the platform."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def load(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
    file: Path = Path(FILE),
) -> Settings:
    """Settings from flags (None: not given), FALLOW_* variables, files that these name, and a TOML file. Raises
    BadSetting."""
    known = {item.name: item.type for item in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in _from_file(file).items():
        if name not in known:
            raise BadSetting(f"{file}: there is no setting {name!r}; known are {', '.join(known)}.")
        values[name] = _typed(f"{file}: {name}", str(known[name]), value)
    for name in known:
        if (text := environment.get(variable(name), "") or _from_secret_file(name, environment)) != "":
            values[name] = _typed(variable(name), str(known[name]), text)
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    return Settings(**values)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"FALLOW_{name.upper()}"


def file_variable(name: str) -> str:
    """The environment variable that names the file in which a secret setting stands."""
    return f"{variable(name)}_FILE"


def _from_secret_file(name: str, environment: Mapping[str, str]) -> str:
    """What the file says that this setting stands in; "" without one. Line ends around it are no part of it."""
    path = environment.get(file_variable(name), "") if name in SECRETS else ""
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise BadSetting(f"{file_variable(name)} names {path}, which cannot be read: {error}.") from error
    if not text:
        raise BadSetting(f"{file_variable(name)} names {path}, which is empty; write the setting {name} into it.")
    return text


def _from_file(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        import tomllib
    except ModuleNotFoundError:
        raise BadSetting(f"{file} can be read with Python 3.11 or later; set FALLOW_* variables instead.") from None
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{file} cannot be read: {error}.") from error


def _typed(name: str, kind: str, value: Any) -> Any:
    made = {"int": int, "float": float, "str": str, "Path": Path}[kind]
    try:
        if isinstance(value, (bool, list, dict)):
            raise ValueError
        return made(value)
    except (TypeError, ValueError):
        raise BadSetting(f"{name} = {value!r} is no {kind}.") from None


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadSetting(f"{name} = {value:g} is out of range; choose from {low:g} to {high:g}.")
