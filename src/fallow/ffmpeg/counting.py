"""Count the frames in a stream of bytes as it passes, and notice when it stops in the middle of one."""

from __future__ import annotations

from typing import Protocol


class Counter(Protocol):
    """Fed with every byte of a part, in order."""

    frames: int

    def feed(self, data: bytes) -> None:
        """Raises ValueError when this is not the container it should be."""
        ...

    def finish(self) -> None:
        """No more is to come. Raises ValueError when the stream ends in the middle of something."""
        ...


def counter(container: str) -> Counter:
    """A counter for parts of one video stream."""
    kinds: dict[str, type[Counter]] = {
        "mpegts": TransportStreamCounter,
        "matroska": MatroskaCounter,
        "csv": RowCounter,
    }
    return kinds[container]()


class RowCounter:
    """A table with a line of headings: each line after it is a frame's."""

    def __init__(self) -> None:
        self.frames = 0
        self._lines = 0
        self._last = b"\n"

    def feed(self, data: bytes) -> None:
        self._lines += data.count(b"\n")
        self._last = data[-1:] or self._last
        self.frames = max(0, self._lines - 1)

    def finish(self) -> None:
        if self._last != b"\n":
            raise ValueError("The table ends in the middle of a line.")


PACKET = 188
SYNC = 0x47
UNIT_START = 0x40
ADAPTATION = 0x20
VIDEO_STREAMS = range(0xE0, 0xF0)


class TransportStreamCounter:
    """MPEG-TS: FFmpeg's muxer puts each video frame into one PES packet, so their starts are counted."""

    def __init__(self) -> None:
        self.frames = 0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % PACKET
        self._rest = data[whole:]
        if data[0:whole:PACKET].count(SYNC) != whole // PACKET:
            raise ValueError("This is no MPEG transport stream: a packet does not begin with its sync byte.")
        # Slices look at one byte of every packet at once; few packets begin anything.
        for number, flags in enumerate(data[1:whole:PACKET]):
            if flags & UNIT_START and _begins_video(data, number * PACKET):
                self.frames += 1

    def finish(self) -> None:
        if self._rest:
            raise ValueError("The MPEG transport stream ends in the middle of a packet.")


def _begins_video(data: bytes, at: int) -> bool:
    payload = at + 4
    if data[at + 3] & ADAPTATION:
        payload += 1 + data[payload]
    start = data[payload : min(payload + 4, at + PACKET)]
    return len(start) == 4 and start[:3] == b"\0\0\1" and start[3] in VIDEO_STREAMS


SEGMENT = b"\x18\x53\x80\x67"
CLUSTER = b"\x1f\x43\xb6\x75"
BLOCK_GROUP = b"\xa0"
SIMPLE_BLOCK = b"\xa3"
BLOCK = b"\xa1"


class MatroskaCounter:
    """Matroska and WebM: blocks are counted. Only element headers are looked at, their contents are passed over."""

    def __init__(self) -> None:
        self.frames = 0
        self._rest = b""
        self._skip = 0  # bytes of the present element that are still to come

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while True:
            passed = min(self._skip, len(data) - at)
            at += passed
            self._skip -= passed
            header = _element(data, at) if not self._skip else None
            if header is None:
                break
            identifier, size, at = header
            self._enter(identifier, size)
        self._rest = data[at:]

    def _enter(self, identifier: bytes, size: int | None) -> None:
        if identifier in (SEGMENT, CLUSTER, BLOCK_GROUP):
            return  # what follows are its children
        if size is None:
            raise ValueError("This is no Matroska stream: an element without a size holds no others.")
        if identifier in (SIMPLE_BLOCK, BLOCK):
            self.frames += 1
        self._skip = size

    def finish(self) -> None:
        if self._skip or self._rest:
            raise ValueError("The Matroska stream ends in the middle of an element.")


def _element(data: bytes, at: int) -> tuple[bytes, int | None, int] | None:
    """Identifier, size (None: unknown) and where the content begins; None when more bytes are needed."""
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    if length > 4:
        raise ValueError("This is no Matroska stream: an element's identifier is too long.")
    if at + length >= len(data):
        return None
    begin = at + length
    size_length = 9 - data[begin].bit_length()
    if size_length > 8:
        raise ValueError("This is no Matroska stream: an element's size is too long.")
    end = begin + size_length
    if end > len(data):
        return None
    unknown = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[begin:end], "big") & unknown
    return data[at:begin], None if size == unknown else size, end
