"""Whether a file's pieces follow each other without a gap: readers skip what they cannot read, and say nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator

from fallow.media.reader import BLOCK, RangedReader

# Matroska elements: those that are entered; those that are passed, of files and then of clusters; and blocks.
_ENTERED = (0x18538067, 0x1F43B675)
_OF_FILES = (0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367)
_PASSED = (*_OF_FILES, 0xEC, 0xBF, 0xE7, 0x5854, 0xA7, 0xAB, 0xA0, 0xAF)
_BLOCK, _NO_TRACK = 0xA3, 0x80
_FLV_TAGS = (8, 9, 18)  # sound, video, script
_PACK, _END = 0xBA, 0xB9  # MPEG program stream: a pack begins, the stream ends
_SECTOR = 2352  # bytes on a disc
_PACKET, _SYNC = 188, 0x47  # MPEG transport stream
_SOME = 16  # packets in a row cannot begin alike by chance
_HEAD = 16  # bytes that tell a piece's length


class Chain:
    """Follows the pieces at the heels of whoever reads the file: what was just read need not be fetched again."""

    def __init__(self, reader: RangedReader, container: str) -> None:
        self._places = _places(reader, container)
        self._place = 0
        self._ended = False
        self._broken: int | None = None

    def follow(self, reached: int) -> None:
        """The reader has come so far."""
        while not self._ended and self._place <= reached:
            try:
                self._place = next(self._places)
            except StopIteration as end:
                self._ended, self._broken = True, end.value

    def broken_at(self) -> int | None:
        """The first byte that nothing should be found at; None when all pieces are in their places."""
        while not self._ended:
            self.follow(self._place)
        return self._broken


Places = Generator[int, None, "int | None"]
"""Where pieces begin, each looked at only when the next one is asked for; in the end, where the chain is broken."""


def _places(reader: RangedReader, container: str) -> Places:
    if container.startswith("matroska"):
        return (yield from _walk(reader, 0, _element))
    if container == "flv":
        return (yield from _walk(reader, int.from_bytes(reader.at(5, 4), "big") + 4, _tag))
    if container == "mpeg":
        # Discs begin otherwise; there the pieces are sectors.
        return (yield from _walk(reader, 0, _pes)) if _pes(reader.at(0, _HEAD)) else None
    return (yield from _transport(reader)) if container == "mpegts" else None


Step = Callable[[bytes], int]
"""How long the piece is that begins with these bytes; 0: none does."""


def _walk(reader: RangedReader, place: int, step: Step) -> Places:
    before = place
    while place + _HEAD < reader.size:
        length = step(reader.at(place, _HEAD)) or (_stuffing(reader, place) if step is _pes else 0)
        if not length:
            return place
        before, place = place, place + length
        yield place
    return before if place > reader.size else None


def _stuffing(reader: RangedReader, place: int) -> int:
    """Zeros that fill up a sector before the next start code."""
    piece = reader.at(place, _SECTOR)
    zeros = len(piece) - len(piece.lstrip(b"\0"))
    return zeros - 2 if piece[zeros : zeros + 1] == b"\1" else 0


def _element(head: bytes) -> int:
    """Matroska."""
    length = 9 - head[0].bit_length()
    if length > 4:
        return 0
    name, place = int.from_bytes(head[:length], "big"), length
    length = 9 - head[place].bit_length()
    if length > 8:
        return 0
    size = int.from_bytes(head[place : place + length], "big") & ((1 << 7 * length) - 1)
    place += length
    if name in _ENTERED:
        return place
    known = name in _PASSED or (name == _BLOCK and head[place] != _NO_TRACK)
    return place + size if known else 0


def _tag(head: bytes) -> int:
    """Flash video: a tag, and its length once more, which not all writers get right."""
    return 15 + int.from_bytes(head[1:4], "big") if head[0] & 31 in _FLV_TAGS else 0


def _pes(head: bytes) -> int:
    """MPEG program stream."""
    if head[:3] != b"\0\0\1" or head[3] < _END:
        return 0
    if head[3] == _END:
        return 4
    if head[3] == _PACK:
        return 14 + (head[13] & 7) if head[4] >> 6 == 1 else 12
    return 6 + int.from_bytes(head[4:6], "big")


def _transport(reader: RangedReader) -> Places:
    """MPEG transport stream: every packet begins with the same byte."""
    place = _first_packet(reader.at(0, 64 * _PACKET))
    while place is not None and place < reader.size:
        piece = reader.at(place, BLOCK // _PACKET * _PACKET)
        heads = piece[::_PACKET]
        if heads.count(_SYNC) != len(heads):
            return place + next(n for n, byte in enumerate(heads) if byte != _SYNC) * _PACKET
        place += len(piece)
        yield place
    return None


def _first_packet(head: bytes) -> int | None:
    """Where packets begin; None when they have another length, as on tapes and discs."""
    most = len(head) - _SOME * _PACKET
    fitting = (n for n in range(most) if head[n : n + _SOME * _PACKET : _PACKET].count(_SYNC) == _SOME)
    return next(fitting, None)
