"""Cut a source into chunks that decode on their own, without encoding it again, in one pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from fallow.errors import BadInput
from fallow.media.containers import Wrapping, chunk_wrapping
from fallow.media.frames import FrameIndex
from fallow.media.mezzanine import decoded_chunks
from fallow.media.packets import best_video, packets
from fallow.media.plan import select
from fallow.media.reader import RangedReader, open_input
from fallow.media.write_packets import Wrapper


@dataclass(frozen=True)
class ChunkPlan:
    """One chunk: the display frames [lo, hi), and how many more its object can show on either side."""

    number: int
    container: str
    lo: int
    hi: int
    guard: int
    before: int


def ship_chunks(
    reader: RangedReader,
    index: FrameIndex,
    cuts: Sequence[int],
    guard: int = 12,
    context: int = 0,
    skip: frozenset[int] = frozenset(),
) -> Iterator[tuple[ChunkPlan, bytes]]:
    """Each chunk with its object's bytes, as soon as it is complete. Those numbered in `skip` are left out.

    Holds one chunk and the packets that the next ones need again.
    """
    with open_input(reader) as container:
        stream = best_video(container, reader.name)
        wrapping = chunk_wrapping(stream, index)
        plans = [p for p in _plans(index, cuts, wrapping.container, guard, context) if p.number not in skip]
        if index.decoded:
            spans = [(p.lo - p.before, p.hi + p.guard) for p in plans]
            yield from zip(plans, decoded_chunks(reader, index, spans), strict=True)
        else:
            yield from _copied(container, stream, wrapping, index, plans)


def _plans(index: FrameIndex, cuts: Sequence[int], container: str, guard: int, context: int) -> Iterator[ChunkPlan]:
    last = len(index.pts)
    for number, (lo, hi) in enumerate(pairwise(cuts)):
        yield ChunkPlan(number, container, lo, hi, min(guard, last - hi), min(context, lo))


def _copied(
    container: InputContainer,
    stream: VideoStream,
    wrapping: Wrapping,
    index: FrameIndex,
    plans: Sequence[ChunkPlan],
) -> Iterator[tuple[ChunkPlan, bytes]]:
    held: deque[tuple[int, Packet[Any]]] = deque()
    rows = enumerate(packets(container, [stream]))
    for plan in plans:
        wanted = select(index, plan.lo - plan.before, plan.hi + plan.guard)
        while held and held[0][0] < wanted[0]:
            held.popleft()
        while not held or held[-1][0] < wanted[-1]:
            row = next(rows, None)
            if row is None:
                raise BadInput("The source changed while it was split, or cannot be read to its end any more.")
            if row[0] >= wanted[0]:
                held.append(row)
        chosen = set(wanted)
        yield plan, _wrapped(stream, wrapping, index, [row for row in held if row[0] in chosen])


def _wrapped(
    stream: VideoStream, wrapping: Wrapping, index: FrameIndex, rows: Sequence[tuple[int, Packet[Any]]]
) -> bytes:
    times = _squeezed([index.chunk_ticks(index.row_pts[row]) for row, _ in rows], index.lead_ticks)
    rising = sorted(times)
    # Decode times are made anew: AVI and Matroska do not have them all, MPEG-TS and NUT demand them.
    delay = max(early - pts for early, pts in zip(rising, times, strict=True))
    wrapper = Wrapper(stream, wrapping)
    for (_, packet), pts, early in zip(rows, times, rising, strict=True):
        wrapper.add(bytes(packet), pts, early - delay, packet.duration or 0, packet.is_keyframe)
    return wrapper.close()


def _squeezed(times: list[int], lead: int) -> list[int]:
    """Times that are never negative: a long run-up hidden by an edit list is drawn together before the lead.

    Nobody looks at those times but to see that they lie before the first frame shown.
    """
    first = min(times)
    if first >= lead // 8:
        return times
    scale = Fraction(lead - lead // 8, lead - first)
    return [lead - int((lead - t) * scale) if t < lead else t for t in times]
