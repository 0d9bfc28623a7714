"""Subtitle events as MP4 timed text: SubRip markup becomes plain UTF-8 with style records."""

from __future__ import annotations

import re
import struct

_TAG = re.compile(r"<(/?)(\w+)[^<>]*>|\{\\[^{}]*\}")
_STYLES = {"b": 1, "i": 2, "u": 4}


def timed_text(event: bytes) -> bytes:
    """The MP4 sample of one SubRip event: bold, italic and underlined text kept, other markup dropped."""
    text, runs = _styled(event.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n\0"))
    encoded = text.encode()[:65535].decode(errors="ignore").encode()
    sample = struct.pack(">H", len(encoded)) + encoded
    if not runs:
        return sample
    records = b"".join(_record(begin, end, face) for begin, end, face in runs)
    return sample + struct.pack(">I4sH", 10 + len(records), b"styl", len(runs)) + records


def _styled(markup: str) -> tuple[str, list[tuple[int, int, int]]]:
    """The text without markup, and its runs (first character, end, style flags) that are not plain."""
    text, runs, face, begin, last = "", [], 0, 0, 0
    for tag in _TAG.finditer(markup):
        text += markup[last : tag.start()]
        last = tag.end()
        flag = _STYLES.get((tag[2] or "").lower(), 0)
        changed = face & ~flag if tag[1] else face | flag
        if changed == face:
            continue
        if face and begin < len(text):
            runs.append((begin, len(text), face))
        face, begin = changed, len(text)
    text += markup[last:]
    if face and begin < len(text):
        runs.append((begin, len(text), face))
    return text, runs


def _record(begin: int, end: int, face: int) -> bytes:
    return struct.pack(">3H2B", begin, end, 1, face, 16) + b"\xff\xff\xff\xff"
