"""Hours of the day and days of the week, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from fallow.errors import BadSetting

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_DAY = 24 * 60


@dataclass(frozen=True)
class Hours:
    """Spans of minutes of a day, and the days on which they begin; those that end before that end a day later."""

    spans: tuple[tuple[int, int], ...] = ()  # none: the whole day
    days: frozenset[int] = frozenset(range(7))

    def open_at(self, now: datetime) -> bool:
        minute, today = now.hour * 60 + now.minute, now.weekday()
        for begin, end in self.spans or ((0, _DAY),):
            if begin < end:
                if begin <= minute < end and today in self.days:
                    return True
            elif (minute >= begin and today in self.days) or (minute < end and (today - 1) % 7 in self.days):
                return True
        return False


def parse(hours: str, days: str) -> Hours:
    """Of such as 22:00-6:00,12-13 and mon-fri,sun. Raises BadSetting."""
    return Hours(tuple(map(_span, _pieces(hours))), _days(days))


def _pieces(text: str) -> list[str]:
    return [piece.strip().lower() for piece in text.split(",") if piece.strip()]


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text.replace(" ", ""))
    begin, end = (_minute(found[1], found[2]), _minute(found[3], found[4])) if found else (-1, -1)
    if not (0 <= begin < _DAY and 0 < end <= _DAY) or begin == end:
        raise BadSetting(f"hours = {text!r} is no span of a day; write it like 22:00-6:00.")
    return begin, end


def _minute(hour: str, minute: str | None) -> int:
    return int(hour) * 60 + int(minute or 0) if int(minute or 0) < 60 else -1


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for piece in _pieces(text):
        first, _, last = piece.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise BadSetting(f"weekdays = {piece!r} is not known; write it like mon-fri,sun.")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)}
    return frozenset(found) or frozenset(range(7))
