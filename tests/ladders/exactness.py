"""Compares each rendition of a folder with its source, by the same checks as an MP4."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ladders import captions
from ladders.tracks import Folder, Track
from story.checks import compare, texts
from story.observe import RATE, Heard, Observed, Read, observe, samples

_NAMES = {"en": "eng", "de": "ger", "fr": "fre", "ja": "jpn", "und": ""}


def faults(source: Observed, folder: Folder, scratch: Path) -> list[str]:
    """Frames, times, identity, sound, subtitles and colour of each rendition, with all sound beside it."""
    scratch.mkdir(parents=True, exist_ok=True)
    found = []
    for track in folder.of("video"):
        seen = observe(_file(track, scratch))
        heard = tuple(_heard(sound, seen.start, scratch) for sound in _each(folder.of("audio")))
        read = tuple(_read(text, _zero(track, seen)) for text in _each(folder.of("text")))
        # Neither has a place in a playlist.
        said = {"title": source.title, "chapters": source.chapters}
        whole = replace(seen, heard=heard or seen.heard, read=read, **said)
        container = "mpegts" if track.suffix == "ts" else "mp4"
        told = compare(source, replace(whole, read=source.read), container).faults
        found += [f"{track.name}: {fault}" for fault in (*told, *texts(source, whole, 0.0))]
    return found


def _zero(track: Track, seen: Observed) -> float:
    """Where the presentation begins in the media: MPEG-TS has no times before 0, and begins later."""
    return float(seen.start + seen.shown[0].time) if track.suffix == "ts" else 0.0


def _each(tracks: list[Track]) -> list[Track]:
    """Of sound in several qualities, the first of each name."""
    each: dict[tuple[str | None, ...], Track] = {}
    for track in tracks:
        each.setdefault((track.told.get("NAME"), track.told.get("LANGUAGE")), track)
    return list(each.values())


def _file(track: Track, scratch: Path) -> Path:
    whole = scratch / f"{track.kind}-{track.name}.{track.suffix}"
    whole.write_bytes(track.content)
    return whole


def _heard(track: Track, start: Fraction, scratch: Path) -> Heard:
    """A file of its own, counted from where the pictures' file begins."""
    file = _file(track, scratch)
    with av.open(str(file)) as opened:
        begin = Fraction(opened.start_time or 0, 1000000)
    late = round((begin - start) * RATE)
    heard = samples(file, 0)
    placed = heard[-late:] if late < 0 else np.concatenate([np.zeros(late, np.float32), heard])
    return Heard(placed, _long(track), track.told.get("DEFAULT") == "YES")


def _read(track: Track, zero: float) -> Read:
    return Read(tuple(captions.events(track, zero)), _long(track), track.told.get("FORCED") == "YES")


def _long(track: Track) -> str:
    name = track.told.get("LANGUAGE", "")
    return _NAMES.get(name, name)
