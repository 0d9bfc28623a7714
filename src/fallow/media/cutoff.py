"""Whether a file ends before its container says it should: nobody downstream would notice the missing end."""

from __future__ import annotations

from fallow.media.boxes import boxes
from fallow.media.reader import RangedReader

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_UNKNOWN_RIFF = (0, 0xFFFFFFFF)  # a writer that could not go back leaves the size open


def missing_bytes(reader: RangedReader, container: str) -> int:
    """How many bytes the container declares past the end of the file."""
    if container.startswith("mov"):
        return _boxes(reader)
    if container.startswith("matroska"):
        return _elements(reader)
    if container == "avi":
        return _riff(reader)
    return 0


def _boxes(reader: RangedReader) -> int:
    """MP4 and QuickTime: the top-level boxes."""
    return max([0, *(box.end - reader.size for box in boxes(reader.at, reader.size))])


def _elements(reader: RangedReader) -> int:
    """Matroska: the header and the segment."""
    place = 0
    for expected in (_EBML, _SEGMENT):
        head = reader.at(place, 12)
        if int.from_bytes(head[:4], "big") != expected or len(head) < 12:
            return 0
        length = 9 - head[4].bit_length()
        size = int.from_bytes(head[4 : 4 + length], "big") & ((1 << 7 * length) - 1)
        if size == (1 << 7 * length) - 1:
            return 0  # written live: open-ended
        place += 4 + length + size
    return max(0, place - reader.size)


def _riff(reader: RangedReader) -> int:
    """AVI: one RIFF chunk, and more behind it in files over a gigabyte."""
    place = 0
    while place + 12 <= reader.size:
        head = reader.at(place, 12)
        size = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or size in _UNKNOWN_RIFF:
            return 0
        place += 8 + size + (size & 1)
    return max(0, place - reader.size)
