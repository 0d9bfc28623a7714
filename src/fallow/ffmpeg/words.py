"""How values are written into FFmpeg's arguments, and which are let in: none can name a file or a filter."""

from __future__ import annotations

import re
from collections.abc import Collection
from fractions import Fraction

from fallow.errors import Rejected

MICROSECONDS = 10**6


def word(text: str) -> str:
    """A name or number that means nothing to FFmpeg's filter and option parsers."""
    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", text):
        raise Rejected(f"A recipe has {text!r} where a plain word or number is needed; this worker refuses it.")
    return text


def listed(text: str) -> str:
    """As word, commas too, where they cannot begin another filter: in an encoder's own parameters."""
    return ",".join(word(item) for item in text.split(","))


def known(text: str, allowed: Collection[str], what: str) -> str:
    """One of a closed set of names."""
    if text not in allowed:
        raise Rejected(
            f"A recipe asks for the {what} {text!r}, which this worker does not know; update the worker."
        )
    return text


def ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def seconds(value: Fraction) -> str:
    """Rounded up: a time half a tick before a frame then still comes to that frame when FFmpeg counts in ticks."""
    whole = -(-value.numerator * MICROSECONDS // value.denominator)
    sign, whole = ("-", -whole) if whole < 0 else ("", whole)
    return f"{sign}{whole // MICROSECONDS}.{whole % MICROSECONDS:06d}"


def small_ratio(value: Fraction, limit: int) -> Fraction:
    """The nearest fraction whose numerator and denominator are both at most `limit`."""
    if value > 1:
        return 1 / (1 / value).limit_denominator(limit)
    return value.limit_denominator(limit)
