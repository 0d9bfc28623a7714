"""How large the index of an MP4 becomes, before its first frame is written. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_MOVIE = 2048  # movie header, metadata of our own
_TRACK = 1024  # headers, edit list, sample entry
_VIDEO = 3072  # parameter sets, colour, HDR10 metadata
_CHAPTER = 64  # the text track that some players read chapters from, and the list that others do


@dataclass(frozen=True)
class TrackTable:
    """What bounds one track's index."""

    clock: Sequence[int]  # decode times of all samples, rising, in a unit that all tracks share
    durations: int  # runs of samples of equal duration, at most
    video: bool = False  # with key samples listed, and offsets from decode to presentation


def runs(times: Sequence[int]) -> int:
    """How many runs of equal distance there are between successive times."""
    count, last = 0, None
    for before, after in pairwise(times):
        if after - before != last:
            count, last = count + 1, after - before
    return count


def index_bound(tracks: Sequence[TrackTable], payload: int, events: int) -> int:
    """Bytes that the index of these tracks does not exceed.

    `payload` bounds the bytes of all samples. `events` counts samples of further tracks (text), whose tables are
    `text_bound`: each may come between any two samples of the tracks.
    """
    offset = 4 if payload < 3 << 30 else 8  # beyond 4 GiB offsets take 64 bits; the index itself moves them back
    size = _MOVIE
    for table, (chunks, changes) in zip(tracks, chunked([table.clock for table in tracks]), strict=True):
        # A sample that comes between splits a chunk; so does the mebibyte at which muxers end one. Ties in time may
        # be taken either way.
        splits = events + (payload >> 19) + 16
        samples = len(table.clock)
        size += 4 * samples + 8 * min(table.durations, samples)  # stsz, stts
        size += offset * min(chunks + splits, samples) + 12 * min(changes + 3 * splits, samples)  # stco, stsc
        size += _TRACK + (_VIDEO + (8 + 4) * samples if table.video else 0)  # ctts, stss
    return size


def text_bound(samples: int) -> int:
    """Bytes of a text track's index: a chunk for each sample."""
    return _TRACK + (4 + 8 + 8 + 12) * samples


def words_bound(titles: Sequence[str], chapters: Sequence[str]) -> int:
    """Bytes that titles take, wherever they are written."""
    size = sum(4 * len(title.encode()) for title in titles)
    return size + (_TRACK if chapters else 0) + sum(_CHAPTER + 2 * len(title.encode()) for title in chapters)


def chunked(clocks: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """For each track: into how many chunks its samples fall when all are written in order of time, and how often
    the number of samples in a chunk changes."""
    found = [[0, 0, 0] for _ in clocks]  # chunks, changes, samples in the last chunk
    for lane, count in _chunks(clocks):
        entry = found[lane]
        entry[0] += 1
        entry[1] += entry[2] != count
        entry[2] = count
    return [(chunks, changes) for chunks, changes, _ in found]


def _chunks(clocks: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Which track each chunk belongs to, and how many samples it holds."""
    last, count = 0, 0
    for _, lane in heapq.merge(*([(time, lane) for time in clock] for lane, clock in enumerate(clocks))):
        if lane != last:
            if count:
                yield last, count
            last, count = lane, 0
        count += 1
    if count:
        yield last, count
