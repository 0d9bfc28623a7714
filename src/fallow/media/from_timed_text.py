"""MP4 timed text as SubRip: the samples' text, with bold, italic and underlined runs as markup."""

from __future__ import annotations

import struct

_TAGS = ((1, "b"), (2, "i"), (4, "u"))


def subrip(sample: bytes) -> bytes:
    """The SubRip event of one timed text sample; b"" for a gap."""
    length = int.from_bytes(sample[:2], "big")
    raw, boxes = sample[2 : 2 + length], sample[2 + length :]
    text = raw.decode("utf-16" if raw[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8", "replace")
    for begin, end, face in reversed(_runs(boxes)):
        tags = [name for flag, name in _TAGS if face & flag]
        opened, closed = "".join(f"<{t}>" for t in tags), "".join(f"</{t}>" for t in reversed(tags))
        text = text[:begin] + opened + text[begin:end] + closed + text[end:]
    return text.replace("\r\n", "\n").encode()


def _runs(boxes: bytes) -> list[tuple[int, int, int]]:
    """The styled runs: first character, end, style flags."""
    place = 0
    while place + 10 <= len(boxes):
        size, name = struct.unpack(">I4s", boxes[place : place + 8])
        if name == b"styl":
            count = int.from_bytes(boxes[place + 8 : place + 10], "big")
            records = boxes[place + 10 : place + 10 + 12 * count]
            found = struct.iter_unpack(">3HB5x", records[: len(records) // 12 * 12])
            return [(begin, end, face) for begin, end, _, face in found if face and begin < end]
        place += max(size, 8)
    return []
