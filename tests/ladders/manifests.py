"""Reads DASH of one period, with templates and timelines as our manifests have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree  # of our own files

from ladders.tracks import Folder, Piece, Segment, Track

_SPACE = "{urn:mpeg:dash:schema:mpd:2011}"
Element = ElementTree.Element


def manifest(file: Path) -> Folder:
    """Everything that a manifest names."""
    root = ElementTree.parse(file).getroot()  # noqa: S314
    assert root.tag == f"{_SPACE}MPD"
    periods = root.findall(f"{_SPACE}Period")
    assert len(periods) == 1
    tracks = [
        _track(file, group, one)
        for group in periods[0].findall(f"{_SPACE}AdaptationSet")
        for one in group.findall(f"{_SPACE}Representation")
        if "image" not in (one.get("mimeType") or group.get("mimeType") or "")
    ]
    return Folder(file, tuple(tracks), (), seconds(root.get("mediaPresentationDuration", "PT0S")))


def seconds(text: str) -> Fraction:
    """An ISO 8601 duration without days."""
    matched = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", text)
    assert matched, text
    hours, minutes, rest = (Fraction(part or 0) for part in matched.groups())
    return hours * 3600 + minutes * 60 + rest


def _track(file: Path, group: Element, one: Element) -> Track:
    told = {**group.attrib, **one.attrib}
    kind = (told.get("contentType") or told.get("mimeType", "")).partition("/")[0]
    kind = kind if kind in ("video", "audio") else "text"
    words = {
        "CODECS": told.get("codecs", ""),
        "BANDWIDTH": told["bandwidth"],
        "LANGUAGE": told.get("lang", ""),
        "FRAME-RATE": told.get("frameRate", ""),
    }
    if kind == "video":
        words["RESOLUTION"] = f"{told['width']}x{told['height']}"
    template = one.find(f"{_SPACE}SegmentTemplate")
    template = group.find(f"{_SPACE}SegmentTemplate") if template is None else template
    if template is None:  # a file as a whole
        whole = Piece(file.parent / str(one.findtext(f"{_SPACE}BaseURL")))
        return Track(kind, told["id"], None, (Segment(whole, Fraction(0), Fraction(0)),), words)
    return _templated(file, Track(kind, told["id"], None, (), words), template)


def _templated(file: Path, track: Track, template: Element) -> Track:
    scale = int(template.get("timescale", "1"))
    offset = Fraction(int(template.get("presentationTimeOffset", "0")), scale)
    number = int(template.get("startNumber", "1"))
    segments = []
    for place, (time, duration) in enumerate(_timeline(template)):
        uri = _filled(str(template.get("media")), track, number + place, time)
        begin = Fraction(time, scale) - offset
        segments.append(Segment(_piece(file, uri), begin, Fraction(duration, scale)))
    init = template.get("initialization")
    piece = _piece(file, _filled(init, track, 0, 0)) if init else None
    return Track(track.kind, track.name, piece, tuple(segments), track.told, (), offset)


def _timeline(template: Element) -> Iterator[tuple[int, int]]:
    timeline = template.find(f"{_SPACE}SegmentTimeline")
    assert timeline is not None
    time = 0
    for row in timeline.findall(f"{_SPACE}S"):
        time = int(row.get("t", time))
        for _ in range(int(row.get("r", "0")) + 1):
            yield time, int(row.attrib["d"])
            time += int(row.attrib["d"])


def _filled(template: str, track: Track, number: int, time: int) -> str:
    values: dict[str, str | int] = {
        "RepresentationID": track.name,
        "Number": number,
        "Time": time,
        "Bandwidth": track.told["BANDWIDTH"],
    }

    def value(matched: re.Match[str]) -> str:
        got = values[matched[1]]
        return f"{int(got):{matched[2]}}" if matched[2] else str(got)

    return re.sub(r"\$(\w+)(?:%(0\d+)d)?\$", value, template)


def _piece(file: Path, uri: str) -> Piece:
    place = file.parent / uri
    assert place.is_file(), f"{file.name} names {uri}, which is not there"
    return Piece(place)
