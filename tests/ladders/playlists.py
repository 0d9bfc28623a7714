"""Reads HLS as RFC 8216 and its second edition describe it, and is strict about what must be there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ladders.tracks import Folder, Piece, Segment, Track


@dataclass
class Playlist:
    """One media playlist."""

    file: Path
    tags: dict[str, str] = field(default_factory=dict)
    init: Piece | None = None
    segments: list[Segment] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return "ENDLIST" in self.tags


def attributes(text: str) -> dict[str, str]:
    """An attribute list, without the quotes."""
    pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)
    assert ",".join(f"{name}={value}" for name, value in pairs) == text, text
    return {name: value.strip('"') for name, value in pairs}


def lines(file: Path) -> list[str]:
    content = file.read_text(encoding="utf-8").splitlines()
    assert content[0] == "#EXTM3U", file
    return [line for line in content[1:] if line and (line.startswith("#EXT") or not line.startswith("#"))]


def media(file: Path) -> Playlist:
    """A media playlist."""
    playlist = Playlist(file)
    begin, duration, span = Fraction(0), Fraction(0), ""
    for line in lines(file):
        tag, _, value = line.removeprefix("#EXT-X-").partition(":")
        if not line.startswith("#"):
            piece = _piece(file, line, span, playlist.segments)
            if playlist.tags.pop("GAP", None) is None:
                playlist.segments.append(Segment(piece, begin, duration))
            begin, span = begin + duration, ""
        elif line.startswith("#EXTINF:"):
            duration = Fraction(value.partition(",")[0])
        elif tag == "BYTERANGE":
            span = value
        elif tag == "MAP":
            assert playlist.init is None, f"{file} has two initialisations"
            told = attributes(value)
            playlist.init = _piece(file, told["URI"], told.get("BYTERANGE", ""), [])
        else:
            playlist.tags[tag] = value
    return playlist


def master(file: Path) -> Folder:
    """Everything that a master playlist names, each of it once."""
    rows = lines(file)
    tracks: dict[Path, Track] = {}
    keys = []
    for number, line in enumerate(rows):
        tag, _, value = line.removeprefix("#EXT-X-").partition(":")
        if tag in ("STREAM-INF", "MEDIA", "I-FRAME-STREAM-INF"):
            told = attributes(value)
            uri = rows[number + 1] if tag == "STREAM-INF" else told.get("URI", "")
            kind = {"AUDIO": "audio", "SUBTITLES": "text"}.get(told.get("TYPE", ""), "video")
            if uri:
                track = _track(kind, _place(file, uri), told)
                if tag == "I-FRAME-STREAM-INF":
                    keys.append(track)
                else:
                    tracks.setdefault(track.lists[0], track)
    seconds = max((t.segments[-1].begin + t.segments[-1].duration for t in tracks.values()), default=Fraction(0))
    return Folder(file, tuple(tracks.values()), tuple(keys), seconds)


def _track(kind: str, file: Path, told: dict[str, str]) -> Track:
    playlist = media(file)
    name = file.parent.name if file.stem == "index" else file.stem
    return Track(kind, name, playlist.init, tuple(playlist.segments), told, (file,))


def _place(file: Path, uri: str) -> Path:
    assert "://" not in uri, uri
    assert not uri.startswith("/"), uri
    place = file.parent / uri
    assert place.is_file(), f"{file.name} names {uri}, which is not there"
    return place


def _piece(file: Path, uri: str, span: str, before: list[Segment]) -> Piece:
    place = _place(file, uri)
    if not span:
        return Piece(place)
    size, _, begin = span.partition("@")
    last = before[-1].piece if before and before[-1].piece.file == place else Piece(place, 0, 0)
    return Piece(place, int(begin) if begin else last.begin + last.size, int(size))
