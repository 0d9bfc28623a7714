"""Cut a finished result into the same stretches as its source was cut, without encoding it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from fallow.errors import BrokenPart
from fallow.media.containers import Wrapping, part_wrapping
from fallow.media.packets import best_video, packets
from fallow.media.reader import RangedReader, open_input
from fallow.media.write_packets import Wrapper

_RUN_UP = 10  # seconds before the first picture of a stretch: room for decode times


def result_parts(reader: RangedReader, counts: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """The container and the bytes of each stretch of so many frames; together they are the result's pictures.

    Every part began with a key frame, and no picture refers to one of another part. Raises BrokenPart.
    """
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        wrapping = part_wrapping(stream)
        rows = packets(container, [stream])
        for number, count in enumerate(counts):
            yield wrapping.container, _part(stream, wrapping, _taken(rows, count, number))
        if (more := sum(1 for _ in rows)) > 0:
            raise BrokenPart(f"The result has {more} frames more than it should have.")


def _taken(rows: Iterator[Packet[Any]], count: int, number: int) -> list[Packet[Any]]:
    found: list[Packet[Any]] = []
    try:
        while len(found) < count:
            found.append(next(rows))
    except (StopIteration, av.error.FFmpegError):
        raise BrokenPart(f"The result ends in chunk {number}, before its last frame.") from None
    if not found[0].is_keyframe:
        raise BrokenPart(f"The result has no key frame where chunk {number} begins.")
    return found


def _part(stream: VideoStream, wrapping: Wrapping, found: Sequence[Packet[Any]]) -> bytes:
    times = [packet.pts if packet.pts is not None else packet.dts or 0 for packet in found]
    rising = sorted(times)
    start = round(_RUN_UP / stream.time_base) - rising[0] if stream.time_base else 0
    delay = max(early - pts for early, pts in zip(rising, times, strict=True))
    wrapper = Wrapper(stream, wrapping)
    for packet, pts, early in zip(found, times, rising, strict=True):
        wrapper.add(bytes(packet), pts + start, early - delay + start, packet.duration or 0, packet.is_keyframe)
    return wrapper.close()
