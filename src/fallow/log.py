"""Log lines with an action and ids: for people, or as JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

from fallow.errors import BadSetting

FORMATS = ("text", "json", "off")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_log = logging.getLogger("fallow")
_log.addHandler(logging.NullHandler())  # silent unless set up: a program that runs a platform speaks for itself


def event(action: str, message: str = "", level: int = logging.INFO, **ids: object) -> None:
    """Say that something happened: `action` is for machines, `message` for people."""
    if _log.isEnabledFor(level):
        _log.log(level, message, extra={"fields": {"action": action, **ids}})


def trouble(action: str, message: str = "", **ids: object) -> None:
    """Something went wrong that the platform deals with by itself."""
    event(action, message, logging.WARNING, **ids)


def set_up(form: str, stream: TextIO | None = None, level: str = "info") -> None:
    """Send Fallow's log lines from this level on, and only those, to a stream (stderr unless told)."""
    if form not in FORMATS:
        raise BadSetting(f"{form!r} is no form of log; choose {', '.join(FORMATS)}.")
    handler = logging.StreamHandler(stream or sys.stderr) if form != "off" else logging.NullHandler()
    handler.setFormatter(JsonLines() if form == "json" else Text())
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
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{
                key: value if isinstance(value, (int, float)) else str(value)
                for key, value in _fields(record).items()
            },
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields
