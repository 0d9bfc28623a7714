"""Reads WebVTT: whole files, segments, and lists of thumbnails."""

from __future__ import annotations

import html
import io
import re
import struct
from collections.abc import Iterator

import av

from ladders.tracks import Track
from story.observe import Event

_TIME = r"(?:(\d+):)?(\d\d):(\d\d\.\d{3})"


def events(track: Track, zero: float) -> list[Event]:
    """Cues of all segments, each once, at its time in the presentation, which begins at `zero` of the media."""
    if track.head:
        return _sampled(track)
    found: dict[tuple[float, float, str], Event] = {}
    for segment in track.segments:
        text = segment.piece.content.decode("utf-8")
        moved = _moved(text, zero)
        for cue in cues(text):
            key = (round(cue.begin + moved, 3), round(cue.end + moved, 3), cue.text)
            found.setdefault(key, Event(*key))
            # A cue is in every segment that it is shown in, and in no other.
            if segment.duration and not (
                key[0] < segment.begin + segment.duration + 0.001 and key[1] > segment.begin - 0.001
            ):
                raise AssertionError(f"{segment.piece.file.name} has a cue of another segment: {key}")
    return sorted(found.values(), key=lambda event: (event.begin, event.end))


def _sampled(track: Track) -> list[Event]:
    """Cues in samples of MP4 (ISO/IEC 14496-30), each once, however many samples it is cut into."""
    found: list[Event] = []
    with av.open(io.BytesIO(track.content)) as opened:
        for packet in opened.demux():
            if not packet.size or packet.pts is None:
                continue
            begin, end = (
                float(tick * packet.time_base) for tick in (packet.pts, packet.pts + (packet.duration or 0))
            )
            for text in _texts(bytes(packet)):
                before = next((e for e in found if e.text == text and abs(e.end - begin) < 0.001), None)
                if before:
                    found.remove(before)
                found.append(Event(before.begin if before else begin, end, text))
    return sorted(found, key=lambda event: (event.begin, event.end))


def _texts(sample: bytes) -> Iterator[str]:
    at = 0
    while at < len(sample):
        size, kind = struct.unpack_from(">I4s", sample, at)
        assert kind in (b"vttc", b"vtte"), kind
        if kind == b"vttc":
            assert sample[at + 12 : at + 16] == b"payl"
            yield html.unescape(sample[at + 16 : at + size].decode())
        at += size


def cues(text: str) -> list[Event]:
    """As they are written."""
    assert text.startswith("WEBVTT"), text[:20]
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())[1:]
    found = []
    for block in blocks:
        lines = block.splitlines()
        at = next((k for k, line in enumerate(lines) if "-->" in line), None)
        if at is None:  # a note or a style
            assert re.match(r"NOTE|STYLE|REGION", block), block
            continue
        begin, end = (_seconds(part) for part in re.findall(_TIME, lines[at]))
        found.append(Event(begin, end, html.unescape("\n".join(lines[at + 1 :]))))
    return found


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds = parts
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)


def _moved(text: str, zero: float) -> float:
    """By which X-TIMESTAMP-MAP moves local times to those of the presentation."""
    head = text.replace("\r\n", "\n").split("\n\n")[0]
    if "X-TIMESTAMP-MAP" not in head:
        return 0.0
    ticks = re.search(r"MPEGTS:(\d+)", head)
    local = re.search(r"LOCAL:" + _TIME, head)
    assert ticks, head
    assert local, head
    return int(ticks[1]) / 90000 - zero - _seconds(local.groups(""))
