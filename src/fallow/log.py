"""What happens, by action and ids: as lines for people, as JSON for machines, and told to whoever listens."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from fallow.errors import BadSetting

FORMATS = ("text", "json", "off")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_log = logging.getLogger("fallow")
_log.addHandler(logging.NullHandler())  # silent unless set up: a program that runs a platform speaks for itself

Listener = Callable[[str, int, Mapping[str, object]], None]
"""Is told an action, its level (0: only measured) and its facts, in whichever thread it happens; must be quick."""

_listeners: list[Listener] = []
_about: contextvars.ContextVar[dict[str, object] | None] = contextvars.ContextVar("about", default=None)


def event(action: str, message: str = "", level: int = logging.INFO, **facts: object) -> None:
    """Say that something happened: `action` is for machines, `message` for people."""
    written = _log.isEnabledFor(level)
    if written or _listeners:
        known = {**(_about.get() or {}), **facts}
        _tell(action, level, {**known, "message": message} if message else known)
        if written:
            _log.log(level, message, extra={"fields": {"action": action, **known}})


def trouble(action: str, message: str = "", **facts: object) -> None:
    """Something went wrong that the platform deals with by itself."""
    event(action, message, logging.WARNING, **facts)


def measure(action: str, **facts: object) -> None:
    """What happens too often to be written: only listeners are told."""
    if _listeners:
        _tell(action, 0, facts)


@contextlib.contextmanager
def about(**ids: object) -> Iterator[None]:
    """Everything said within, by whatever is called or started there, has these ids: a job, a task, a lease."""
    token = _about.set({**(_about.get() or {}), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def listen(listener: Listener) -> Callable[[], None]:
    """Have every action told, written or not; what is returned ends that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def _tell(action: str, level: int, facts: Mapping[str, object]) -> None:
    for listener in tuple(_listeners):
        try:
            listener(action, level, facts)
        except Exception:  # who watches must not disturb the work
            _log.exception("A listener failed.", extra={"fields": {"action": "log.listener_failed", "of": action}})


def set_up(form: str, stream: TextIO | None = None, level: str = "info", service: str = "fallow") -> None:
    """Send Fallow's log lines from this level on, and only those, to a stream (stderr unless told)."""
    if form not in FORMATS:
        raise BadSetting(f"{form!r} is no form of log; choose {', '.join(FORMATS)}.")
    handler = logging.StreamHandler(stream or sys.stderr) if form != "off" else logging.NullHandler()
    handler.setFormatter(JsonLines(service) if form == "json" else Text())
    _log.handlers[:] = [handler]
    _log.setLevel(LEVELS[level] if form != "off" else logging.CRITICAL)
    _log.propagate = False


class Text(logging.Formatter):
    """`12:00:01 info  The part is accepted. action=part.accepted job=…`"""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items())
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = " ".join(piece for piece in (record.getMessage(), fields) if piece)
        return f"{clock} {record.levelname.lower():<7} {message}{self._trace(record)}"

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n" + self.formatException(record.exc_info) if record.exc_info else ""


class JsonLines(logging.Formatter):
    """One JSON object a line, which says of which process it is."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._process = {"service": service, "host": socket.gethostname(), "pid": os.getpid()}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            **self._process,
            "message": record.getMessage(),
        }
        for key, value in _fields(record).items():
            line.setdefault(key, value if isinstance(value, (int, float)) else str(value))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields
