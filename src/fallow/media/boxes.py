"""The top-level boxes of MP4 and QuickTime files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FIRST = (b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide", b"pnot")  # how such files begin


@dataclass(frozen=True)
class Box:
    """One box."""

    name: bytes
    end: int  # where it ends, as it says itself


def boxes(at: Callable[[int, int], bytes], size: int) -> Iterator[Box]:
    """The boxes of a file of that size; `at` gives bytes by place and number. Ends where boxes end."""
    place = 0
    while place + 8 <= size:
        head = at(place, 16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not all(32 <= c < 127 or c == 0xA9 for c in head[4:8]):
            return  # to the end of the file, or padding after the last box
        place += length
        yield Box(head[4:8], place)


def begins_as_mp4(at: Callable[[int, int], bytes]) -> bool:
    return at(4, 4) in _FIRST


def lost_index(at: Callable[[int, int], bytes], size: int) -> str:
    """How the index of a file that begins as an MP4 came to be lost, "" when it did not or the file is none."""
    if not begins_as_mp4(at):
        return ""
    index = next((box for box in boxes(at, size) if box.name == b"moov"), None)
    if index is None:
        return "missing"
    return "cut short" if index.end > size else ""
