"""What is wrong with a folder, whatever its source was."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from clips.maker import FFMPEG
from ladders import playlists
from ladders.parameters import codecs, parameter_sets
from ladders.tracks import Folder, Segment, Track

GRAIN = Fraction(1, 1000)  # seconds: to which playlists tell durations
_CURVES = {16: "PQ", 18: "HLG"}  # VIDEO-RANGE by transfer characteristics


def faults(folder: Folder) -> list[str]:
    """All that the checks of this module find."""
    if growing := [
        track.name for track in folder.tracks if track.lists and not playlists.media(track.lists[0]).ended
    ]:
        return [f"{name}: it has not ended" for name in growing]  # FFmpeg would wait for more
    found = [*_said(folder.file), *alignment(folder.of("video")), *_left_over(folder)]
    for track in folder.of("video"):
        found += [f"{track.name}: {fault}" for fault in (*_headed(track), *_pictured(track))]
    for track in (*folder.of("video"), *folder.of("audio")):
        found += [f"{track.name}: {fault}" for fault in _timed(track)]
    if folder.file.suffix == ".mpd":
        return [*found, *_coded(folder)]
    for track in folder.tracks:
        found += [f"{track.name}: {fault}" for fault in (*_listed(track), *_said(track.lists[0]))]
    return [*found, *variants(folder), *key_frames(folder)]


# A cue stands in every segment that it is shown in, and FFmpeg reads the segments as one text.
_TWICE = re.compile(r"\[webvtt @ \w+\] Dropping \d+ duplicated subtitle events")


_AS_IT_IS = ("-fps_mode", "passthrough", "-enc_time_base:v", "1:90000", "-c:s", "webvtt")


def _said(file: Path) -> list[str]:
    """FFmpeg reads all of it and has nothing to say."""
    # It takes text that is no fragment of an MP4 for no part of a manifest, if it is not told to.
    free = ["-allowed_extensions", "ALL"] if file.suffix == ".mpd" else []
    command = [FFMPEG, "-v", "warning", "-nostdin", *free, "-i", str(file), "-map", "0", *_AS_IT_IS]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in done.stderr.splitlines() if not _TWICE.fullmatch(line)]
    failed = [f"FFmpeg cannot read {file.name}"] if done.returncode else []
    return [*(f"FFmpeg says of {file.name}: {line}" for line in lines[:5]), *failed]


def alignment(tracks: Sequence[Track]) -> list[str]:
    """Segments of all renditions begin at the same pictures."""
    begins = {tuple(min(p.pts for p in packets) for packets in track.packets) for track in tracks}
    if len(begins) > 1:
        return [f"segments of {track.name} begin elsewhere" for track in tracks[1:]]
    return []


def _timed(track: Track) -> Iterator[str]:
    """Each segment begins when the list says so, and is as long as it says."""
    begins = [min(packet.pts for packet in packets) for packets in track.packets]
    zero = _zero(track, begins)
    for number, (segment, begin) in enumerate(zip(track.segments, begins, strict=True)):
        # Sound's frames are not cut where segments begin.
        grain = GRAIN if track.kind == "video" else Fraction(1, 20)
        late = begin - zero - segment.begin
        # What comes first may begin after the presentation does.
        if abs(late) > grain and not (number == 0 and 0 < late < segment.duration):
            yield f"segment {number} begins at {float(begin - zero):.6f} s, told is {float(segment.begin):.6f}"
    packets = [packet for packets in track.packets for packet in packets]
    if any(a.dts >= b.dts for a, b in pairwise(packets)):
        yield "decode times do not rise"
    if any(packet.pts < packet.dts for packet in packets):
        yield "a picture is shown before it is decoded"


def _zero(track: Track, begins: Sequence[Fraction]) -> Fraction:
    """Where the presentation begins in the media: MPEG-TS has no times before 0, and begins later."""
    if track.suffix == "mp4":
        return Fraction(0)
    place = min(1, len(begins) - 1)
    return begins[place] - track.segments[place].begin


def _headed(track: Track) -> Iterator[str]:
    """Every segment begins with a key frame that nothing before is needed for, and the same parameter sets."""
    for number, packets in enumerate(track.packets):
        if not packets[0].key:
            yield f"segment {number} begins with no key frame"
        if packets[0].pts != min(packet.pts for packet in packets):
            yield f"segment {number} begins with pictures that need the one before"
    sets = parameter_sets(track)
    if any(other != sets[0] for other in sets):
        yield "parameter sets differ between segments"


def _pictured(track: Track) -> Iterator[str]:
    """RESOLUTION, FRAME-RATE and VIDEO-RANGE are true."""
    with av.open(io.BytesIO(track.content)) as opened:
        frame = next(opened.decode(video=0))
        aspect = opened.streams.video[0].sample_aspect_ratio or Fraction(1)
    told = track.told
    width, height = map(int, told["RESOLUTION"].split("x"))
    # A playlist tells how large it is to be shown, a manifest the pixels.
    wanted = round(frame.width * aspect) if track.lists else frame.width
    if height != frame.height or abs(width - wanted) > 2:
        yield f"RESOLUTION is {told['RESOLUTION']}, not {wanted}x{frame.height}"
    count = sum(map(len, track.packets))
    seconds = sum(segment.duration for segment in track.segments)
    if told.get("FRAME-RATE") and abs(float(Fraction(told["FRAME-RATE"])) / float(count / seconds) - 1) > 0.01:
        yield f"FRAME-RATE is {told['FRAME-RATE']}, not {float(count / seconds):.3f}"
    if "VIDEO-RANGE" in told and told["VIDEO-RANGE"] != _CURVES.get(int(frame.color_trc), "SDR"):
        yield f"VIDEO-RANGE is {told['VIDEO-RANGE']}, the transfer {int(frame.color_trc)}"


def _coded(folder: Folder) -> Iterator[str]:
    """What a manifest says of CODECS and bandwidth."""
    for track in (*folder.of("video"), *folder.of("audio")):
        if track.told["CODECS"].lower() != codecs(track).lower():
            yield f"{track.name}: CODECS is {track.told['CODECS']}, not {codecs(track)}"
        if int(track.told["BANDWIDTH"]) < average(track):
            yield f"{track.name}: bandwidth is {track.told['BANDWIDTH']}, less than {float(average(track)):.0f}"


def _listed(track: Track) -> Iterator[str]:
    """A media playlist keeps HLS' rules."""
    playlist = playlists.media(track.lists[0])
    target = int(playlist.tags["TARGETDURATION"])
    for number, segment in enumerate(playlist.segments):
        if round(segment.duration) > target:
            yield f"segment {number} has {float(segment.duration):.3f} s, TARGETDURATION is {target}"
        if segment.duration <= 0:
            yield f"segment {number} has no duration"
    if playlist.tags.get("PLAYLIST-TYPE") != "VOD":
        yield f"its type is {playlist.tags.get('PLAYLIST-TYPE')}, not VOD"
    if playlist.init and int(playlist.tags["VERSION"]) < 6:
        yield f"EXT-X-MAP needs version 6, not {playlist.tags['VERSION']}"


def variants(folder: Folder) -> Iterator[str]:
    """Each STREAM-INF: its codecs, and its bandwidths with the costliest of its group of sound."""
    for text in _tags(folder.file, "STREAM-INF"):
        told = playlists.attributes(text)
        video = next(track for track in folder.of("video") if track.told == told)
        group = [track for track in folder.of("audio") if track.told["GROUP-ID"] == told.get("AUDIO")]
        wanted = {codecs(video), *(codecs(track) for track in group)}
        if {name.lower() for name in told["CODECS"].split(",")} != {name.lower() for name in wanted}:
            yield f"{video.name}: CODECS is {told['CODECS']}, not {','.join(sorted(wanted))}"
        yield from (f"{video.name}: {fault}" for fault in _bandwidths(told, video, group))


def _bandwidths(told: dict[str, str], video: Track, group: Sequence[Track]) -> Iterator[str]:
    highest = peak(video) + max(map(peak, group), default=Fraction(0))
    mean = average(video) + max(map(average, group), default=Fraction(0))
    # Playlists tell durations in microseconds.
    if int(told["BANDWIDTH"]) < highest * (1 - Fraction(1, 10**5)):
        yield f"BANDWIDTH is {told['BANDWIDTH']}, segments have {float(highest):.0f}"
    if int(told["BANDWIDTH"]) > highest * Fraction(11, 10) + 1000:
        yield f"BANDWIDTH is {told['BANDWIDTH']}, but no segments have more than {float(highest):.0f}"
    stated = int(told.get("AVERAGE-BANDWIDTH", mean))
    if abs(stated - mean) > mean / 10:
        yield f"AVERAGE-BANDWIDTH is {stated}, not {float(mean):.0f}"


def peak(track: Track) -> Fraction:
    """The highest rate of segments in a row that take between 0.5 and 1.5 target durations (RFC 8216, 4.3.4.2)."""
    target = max(round(segment.duration) for segment in track.segments)
    if track.lists:
        target = int(playlists.media(track.lists[0]).tags["TARGETDURATION"])
    rows = [(len(segment.piece.content), segment.duration) for segment in track.segments]
    rates = [rate for begin in range(len(rows)) for rate in _rates(rows[begin:], Fraction(target))]
    return max(rates, default=average(track))


def _rates(rows: Iterable[tuple[int, Fraction]], target: Fraction) -> Iterator[Fraction]:
    size, seconds = 0, Fraction(0)
    for more, longer in rows:
        size, seconds = size + more, seconds + longer
        if target / 2 <= seconds <= target * 3 / 2:
            yield size * 8 / seconds


def average(track: Track) -> Fraction:
    """Bits a second, of all segments."""
    seconds = sum((segment.duration for segment in track.segments), Fraction(0))
    return sum(len(segment.piece.content) for segment in track.segments) * 8 / seconds


def key_frames(folder: Folder) -> Iterator[str]:
    """An I-frame playlist has each segment's first picture, decodable with the initialisation alone."""
    videos = {track.told.get("RESOLUTION"): track for track in folder.of("video")}
    for track in folder.keys:
        if "I-FRAMES-ONLY" not in playlists.media(track.lists[0]).tags:
            yield f"{track.name}: its I-frame playlist does not say so"
        begins = [segment.begin for segment in videos[track.told["RESOLUTION"]].segments]
        missing = set(begins) - {segment.begin for segment in track.segments}
        if any(min(abs(segment.begin - begin) for segment in track.segments) > GRAIN for begin in missing):
            yield f"{track.name}: its I-frame playlist has not all key frames"
        for number, segment in enumerate(track.segments):
            if _decoded(track, segment) != 1:
                yield f"{track.name}: I-frame {number} has {_decoded(track, segment)} pictures"


def _decoded(track: Track, segment: Segment) -> int:
    with av.open(io.BytesIO(track.head + segment.piece.content)) as opened:
        return sum(1 for _ in opened.decode(video=0))


def _left_over(folder: Folder) -> Iterator[str]:
    """Nothing is named that lies elsewhere; FFmpeg's reading has found that all is there."""
    root = folder.file.parent.resolve()
    for track in folder.tracks:
        for piece in (*([track.init] if track.init else []), *(segment.piece for segment in track.segments)):
            if not piece.file.resolve().is_relative_to(root):
                yield f"{track.name} is outside of the folder: {piece.file}"


def _tags(file: Path, tag: str) -> list[str]:
    begin = f"#EXT-X-{tag}:"
    return [line.removeprefix(begin) for line in playlists.lines(file) if line.startswith(begin)]
