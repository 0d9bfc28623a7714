"""The plain part of TOML: tables with one value a line. Python 3.10 has no parser of its own."""

from __future__ import annotations

import json
import re
from typing import Any

from fallow.errors import BadSetting

_TABLE = re.compile(r"\[\s*([\w-]+)\s*\]\s*(#.*)?$")
_PAIR = re.compile(r"([\w-]+)\s*=\s*(.*)$")
_LITERAL = re.compile(r"'([^']*)'")


def tables(text: str, name: str) -> dict[str, dict[str, Any]]:
    """By their names; "" is what comes before the first. Raises BadSetting with the line that cannot be read."""
    found: dict[str, dict[str, Any]] = {"": {}}
    table = found[""]
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if heading := _TABLE.match(line):
            table = found.setdefault(heading[1], {})
        else:
            key, value = _pair(line, f"Line {number} of {name}")
            if key in table:
                raise BadSetting(f"Line {number} of {name} sets {key} a second time; remove one of both.")
            table[key] = value
    return found


def _pair(line: str, where: str) -> tuple[str, Any]:
    pair = _PAIR.match(line)
    if not pair:
        raise BadSetting(f"{where} is neither a [table] nor `key = value`; mend it.")
    try:
        return pair[1], _value(pair[2])
    except ValueError:
        raise BadSetting(
            f'{where} cannot be read: the value of {pair[1]} is to be a "text", a number, true, false, '
            "or a [list] of these on one line."
        ) from None


def _value(text: str) -> Any:
    """Such values are written as in JSON; only 'texts' are not."""
    if literal := _LITERAL.match(text):
        value, end = literal[1], literal.end()
    else:
        value, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text)
    rest = text[end:].strip()
    if (rest and not rest.startswith("#")) or value is None or isinstance(value, dict):
        raise ValueError(text)
    return value


def _refuse(word: str) -> None:
    raise ValueError(word)
