"""Read a media file from wherever its bytes are, and open it so that nothing else can be reached from inside it."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from fallow.errors import BadInput, TransferFailed
from fallow.media.boxes import lost_index

BLOCK = 1 << 20  # bytes fetched at once
BLOCKS = 8  # held in memory: containers jump between the places where sound and picture are stored

# Containers that hold the media they describe. Left out on purpose: everything that names other files or addresses
# (hls, dash, concat, sdp, rtsp, image2, imf), that makes pictures (lavfi), or that guesses (rawvideo, images).
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "live_flv",
    "kux",
    "asf",
    "asf_o",
    "nut",
    "ogg",
    "mxf",
    "gxf",
    "ivf",
    "obu",
    "yuv4mpegpipe",
    "dv",
    "gif",
    "apng",
    "rm",
    "wtv",
    "nsv",
    "nuv",
    "flic",
    "h264",
    "hevc",
    "vvc",
    "m4v",
    "mpegvideo",
)

# How files begin that only point at other files: told apart from mere rubbish, because the remedy is another one.
_POINTERS = (b"#EXTM3U", b"ffconcat", b"file ", b"<MPD", b"<SmoothStreamingMedia", b"<smil", b"v=0", b"[playlist]")


class RangedReader(io.RawIOBase):
    """A seekable file over a blob that is fetched in ranges; a short read is an error, never an early end."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, name: str = "The source") -> None:
        super().__init__()
        self.size = size
        self.name = name
        self._fetch = fetch
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def beside(self) -> RangedReader:
        """Another file of the same bytes, with a place of its own, for who reads them at the same time: what one
        has fetched lately need not be fetched for the other."""
        other = RangedReader(self._fetch, self.size, self.name)
        other._blocks = self._blocks
        return other

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, n: int = -1) -> bytes:
        """Up to `n` bytes, from one block at a time; b"" only at the end."""
        if n < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        if self._position >= self.size or n == 0:
            return b""
        number, offset = divmod(self._position, BLOCK)
        piece = self._block(number)[offset : offset + n]
        self._position += len(piece)
        return piece

    def at(self, offset: int, n: int) -> bytes:
        """The `n` bytes from `offset`, fewer at the end; the position stays."""
        kept, self._position = self._position, offset
        pieces = bytearray()
        while len(pieces) < n and (piece := self.read(n - len(pieces))):
            pieces += piece
        self._position = kept
        return bytes(pieces)

    def _block(self, number: int) -> bytes:
        block = self._blocks.pop(number, None)
        if block is None:
            start = number * BLOCK
            wanted = min(BLOCK, self.size - start)
            block = self._fetch(start, wanted)
            if len(block) != wanted:
                raise TransferFailed(
                    f"{self.name}: {len(block)} of {wanted} bytes could be read from byte {start} on; "
                    "the read is tried again."
                )
        self._blocks[number] = block
        while len(self._blocks) > BLOCKS:
            self._blocks.popitem(last=False)
        return block


def file_reader(path: Path) -> RangedReader:
    """A reader of a local file. Raises BadInput when there is none that can be read."""

    def fetch(start: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    if path.is_dir():
        raise BadInput(f"{path} is a directory: name a video file in it.")
    try:
        size = path.stat().st_size
        fetch(0, 1)
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist: check the name.") from None
    except PermissionError:
        raise BadInput(f"{path} may not be read by this user: change its permissions.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    return RangedReader(fetch, size, path.name)


def open_input(reader: RangedReader, container: str | None = None) -> InputContainer:
    """Open a media file for reading; the only place that does. Raises BadInput when it is none."""
    if reader.size == 0:
        raise BadInput(f"{reader.name} is empty (0 bytes): upload the video again.")
    reader.seek(0)
    options = {
        "format_whitelist": ",".join(CONTAINERS),  # playlists and scripts are not even tried
        "protocol_whitelist": "none",  # no address inside the file is ever followed
    }
    try:
        opened = av.open(
            reader,
            "r",
            format=container,
            container_options=options,
            metadata_errors="replace",
            buffer_size=1 << 16,
            io_open=_refuse,
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise BadInput(_why(reader)) from error
    if not opened.streams.video and lost_index(reader.at, reader.size):
        raise BadInput(_why(reader))
    return opened


def _refuse(url: str, flags: int, options: dict[str, str]) -> Any:
    raise BadInput(
        f"The file refers to another one ({url[:80]!r}): give Fallow a video that holds everything itself."
    )


def _why(reader: RangedReader) -> str:
    head = reader.at(0, 4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if any(head.startswith(start) or (start[:1] == b"<" and start in head) for start in _POINTERS):
        return (
            f"{reader.name} is a playlist or script that only points at other files: give Fallow the video itself."
        )
    if lost := lost_index(reader.at, reader.size):
        return (
            f"{reader.name} is cut off: its index (moov) is {lost}, and without it no frame can be found. Copy or "
            "download it again, whole; if the recording itself broke off, a repair tool can rebuild the index."
        )
    return (
        f"{reader.name} is no video container that Fallow can read (MP4, MOV, MKV, WebM, AVI, MPEG-TS and others "
        "are): check that the file is complete, or remux it to one of these."
    )
