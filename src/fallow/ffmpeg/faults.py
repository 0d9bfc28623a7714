"""What FFmpeg says about damaged pictures that it shows all the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Not every error is one: a chunk begins without the pictures before it, which decoders remark on as well.
_DAMAGE = re.compile(
    r"error while decoding|error submitting|error parsing|damaged|corrupt|concealing|invalid|mismatch|out of range",
    re.IGNORECASE,
)
_DECODER = re.compile(r"^\[(?!lib(?:x26|svt|vpx)|mpegts|matroska|out#)[\w#:/]+ @ 0x[0-9a-f]+\] *")


def fault(lines: Iterable[str]) -> str:
    """The first sign of damage that a decoder gave, "" when none did."""
    said = (_DECODER.sub("", line) for line in lines if _DECODER.match(line) and _DAMAGE.search(line))
    return next(said, "")
