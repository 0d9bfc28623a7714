"""Packages of small films, and what players find in them, for tests."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from fallow.model import Colour
from fallow.streaming.package import PackagePlan, Piece, TrackWant
from fallow.streaming.video import Film
from unit.joining import CASES, X264, encode, video_part


class Folder:
    """Where a package goes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, name: str, data: bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def write(self, texts: dict[str, bytes]) -> None:
        for name, data in texts.items():
            self.save(name, data)


def film(case: str, name: str = "240p", **more: object) -> Film:
    base, times, end = CASES[case]
    return Film(name, times, base, end, Fraction(25), Colour(), **more)  # type: ignore[arg-type]


def pieces(
    folder: Path, case: str, starts: Sequence[Sequence[int]], suffix: str = "ts", options: Sequence[str] = X264
) -> list[Piece]:
    """Parts of a film; each is a chunk whose segments begin at the given frames."""
    made = []
    ends = [chunk[0] for chunk in starts[1:]] + [len(CASES[case][1])]
    for chunk, end in zip(starts, ends, strict=True):
        keys = "+".join(f"eq(n,{start - chunk[0]})" for start in chunk)
        forced = [*options, "-force_key_frames:v", f"expr:{keys}"]
        if "libx264" in options:
            forced += ["-forced-idr:v", "1"]
        path = encode(folder / f"{case}-{chunk[0]}-{end}.{suffix}", case, chunk[0], end, 10, *forced)
        part = video_part(path, chunk[0], end, "mpegts" if suffix == "ts" else "matroska")
        made.append(Piece(part, tuple(chunk)))
    return made


def plan(
    *films: Film, container: str = "cmaf", tracks: tuple[TrackWant, ...] = (), seconds: object = 1
) -> PackagePlan:
    first = films[0]
    return PackagePlan(container, Fraction(seconds), films, tracks, first.end * first.time_base)  # type: ignore[arg-type]


def shown(path: Path, kind: str = "video") -> list[Fraction]:
    """When each frame or packet of a file or playlist is shown, in order."""
    with av.open(str(path), options={"allowed_extensions": "ALL"}) as opened:
        stream = next(s for s in opened.streams if s.type == kind)
        return sorted(p.pts * p.time_base for p in opened.demux(stream) if p.size)


def decoded(path: Path) -> list[Fraction]:
    """When each decoded frame is shown."""
    with av.open(str(path), options={"allowed_extensions": "ALL"}) as opened:
        stream = opened.streams.video[0]
        stream.thread_type = "NONE"
        return [frame.pts * frame.time_base for frame in opened.decode(stream)]


def times(case: str) -> list[Fraction]:
    base, ticks, _ = CASES[case]
    return [tick * base for tick in ticks]
