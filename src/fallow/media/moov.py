"""How large the index of an MP4 can become, before its first frame is written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_MOVIE = 2048  # movie header, metadata of our own
_TRACK = 1024  # headers, edit list, sample entry
_VIDEO = 3072  # parameter sets, colour, HDR10 metadata
_CHAPTER = 64  # the text track that some players read chapters from, and the list that others do


@dataclass(frozen=True)
class TrackSize:
    """What bounds one track's index."""

    samples: int
    durations: int  # runs of samples of equal duration, at most
    reordered: bool  # each sample may have an offset from decode to presentation
    keyed: bool  # key samples are listed


def runs(times: Sequence[int]) -> int:
    """How many runs of equal distance there are between successive times."""
    count, last = 0, None
    for before, after in pairwise(times):
        if after - before != last:
            count, last = count + 1, after - before
    return count


def index_bound(tracks: Sequence[TrackSize], payload: int, titles: Sequence[str], chapters: Sequence[str]) -> int:
    """Bytes that no index of these tracks exceeds, when the file holds at most `payload` bytes beside it.

    `titles` are all texts of its metadata but the titles of its chapters.
    """
    samples = sum(track.samples for track in tracks)
    total = _MOVIE + sum(4 * len(title.encode()) for title in titles)
    total += (_TRACK if chapters else 0) + sum(_CHAPTER + 2 * len(title.encode()) for title in chapters)
    total += sum(_samples(track) for track in tracks)
    total += sum(_chunks(track, samples - track.samples, payload) for track in tracks)
    return total


def _samples(track: TrackSize) -> int:
    size = 4 * track.samples  # stsz
    size += 8 * min(track.durations, track.samples)  # stts
    size += 8 * track.samples * track.reordered  # ctts
    size += (4 + 1) * track.samples * track.keyed  # stss, sdtp
    return size + _TRACK + (_VIDEO if track.keyed else 0)


def _chunks(track: TrackSize, others: int, payload: int) -> int:
    """A chunk ends where another track's sample comes between, and at one mebibyte."""
    chunks = min(track.samples, others + 1 + payload // (1 << 19))
    # Offsets of 64 bits are needed beyond 4 GiB; the index itself, which comes first, moves everything back.
    offset = 4 if payload < 3 << 30 else 8
    return chunks * (offset + 12)  # stco or co64, stsc
