"""Streams that begin in the midst of a file, where FFmpeg does not look for any either."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer
from av.stream import Stream

from fallow.errors import BadInput
from fallow.media.reader import RangedReader, open_input

_GROWING = ("mpegts", "mpeg")  # formats that name their streams as they come
_PLACES = 4  # where the file is looked at once more


def late_streams(reader: RangedReader, container: InputContainer) -> list[str]:
    """A sentence about each stream that is there later, and was not found at the beginning."""
    if container.format.name not in _GROWING:
        return []
    known = {stream.id for stream in container.streams}
    late = {stream.id: _told(stream) for stream in _later(reader, container.format.name) if stream.id not in known}
    return [f"The {told} begins only in the midst of the file and is left out." for told in late.values()]


def _later(reader: RangedReader, container: str) -> Iterator[Stream]:
    for place in range(1, _PLACES):
        try:
            with open_input(_from(reader, reader.size * place // _PLACES), container) as opened:
                yield from (stream for stream in opened.streams if _meant(stream))
        except BadInput:
            continue  # nothing can be read from there on: other checks see that


def _from(reader: RangedReader, place: int) -> RangedReader:
    """The rest of a file, as a file."""
    return RangedReader(lambda start, length: reader.at(place + start, length), reader.size - place, reader.name)


def _meant(stream: Stream) -> bool:
    """Whether this is sound, video or text with properties, and not something that looked like a header."""
    context = stream.codec_context
    if context is None or stream.type not in ("video", "audio", "subtitle"):
        return False
    return stream.type == "subtitle" or bool(getattr(context, "width", 0) or getattr(context, "sample_rate", 0))


def _told(stream: Stream) -> str:
    return f"{stream.type} stream {stream.id:#x} ({stream.name})"
