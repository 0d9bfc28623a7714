"""What one FFmpeg process sees and hears in a file: the truth about a source, and about a result."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from clips.maker import FFMPEG
from clips.picture import STRIP, read_code
from clips.sound import Samples

RATE = 16000  # of the samples that are compared


@dataclass(frozen=True)
class Shown:
    """One decoded picture."""

    time: Fraction  # seconds after the file's start
    number: int | None  # the one burnt in, None when it cannot be read


@dataclass(frozen=True)
class Coded:
    """One packet of pictures."""

    pts: Fraction
    dts: Fraction | None
    key: bool


@dataclass(frozen=True)
class Heard:
    """One track of sound, from the file's start on."""

    samples: Samples
    language: str
    default: bool


@dataclass(frozen=True)
class Event:
    """One subtitle."""

    begin: float
    end: float
    text: str


@dataclass(frozen=True)
class Read:
    """One subtitle track."""

    events: tuple[Event, ...]
    language: str
    forced: bool


@dataclass(frozen=True)
class Look:
    """How the picture is to be shown."""

    codec: str
    width: int
    height: int
    aspect: Fraction  # of the whole picture, upright
    turned: int  # degrees that a player has to turn it
    colour: tuple[int, int, int, int]  # range, primaries, transfer, matrix; as the decoder says


@dataclass(frozen=True)
class Observed:
    """Everything that is compared."""

    start: Fraction  # the time at which the file begins, which all others are counted from
    shown: tuple[Shown, ...]
    coded: tuple[Coded, ...]
    tick: Fraction
    heard: tuple[Heard, ...]
    read: tuple[Read, ...]
    look: Look
    complaints: str  # of FFmpeg, while decoding
    title: str
    chapters: tuple[tuple[float, float, str], ...]


def observe(path: Path, cache: Path | None = None) -> Observed:
    """Look at a file; what was seen of the same bytes before is remembered in `cache`."""
    if cache is None:
        return _observe(path)
    code = b"".join(p.read_bytes() for p in (Path(__file__), *sorted(Path(av.__file__).parent.glob("about.py"))))
    name = hashlib.sha256(path.read_bytes() + code).hexdigest()[:24]
    kept = cache / f"{name}.seen"
    if kept.exists():
        return pickle.loads(kept.read_bytes())  # noqa: S301  (written below)
    seen = _observe(path)
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps(seen))
    return seen


def _observe(path: Path) -> Observed:
    with av.open(str(path), metadata_errors="replace") as opened:
        video = next(s for s in opened.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
        start = Fraction(opened.start_time or 0, 1000000)
        tick = Fraction(video.time_base)
        ticks = round(start / tick)
        languages = [(s.metadata.get("language", ""), s.disposition) for s in opened.streams.audio]
        texts = [(s.metadata.get("language", ""), s.disposition) for s in opened.streams.subtitles]
        title = opened.metadata.get("title", "")
        chapters = tuple(_chapter(chapter, start) for chapter in opened.chapters())
        coded = tuple(_coded(packet, tick, ticks) for packet in opened.demux(video) if packet.size)
        place = video.index
    shown, complaints = _shown(path, place, tick, ticks)
    default = av.stream.Disposition.default
    heard = tuple(
        Heard(samples(path, number), _language(name), bool(marks & default))
        for number, (name, marks) in enumerate(languages)
    )
    forced = av.stream.Disposition.forced
    read = tuple(
        Read(_events(path, number), _language(name), bool(marks & forced))
        for number, (name, marks) in enumerate(texts)
    )
    return Observed(ticks * tick, shown, coded, tick, heard, read, _look(path, place), complaints, title, chapters)


def _chapter(chapter: Any, start: Fraction) -> tuple[float, float, str]:
    begin, end = (float(chapter[name] * chapter["time_base"] - start) for name in ("start", "end"))
    return begin, end, chapter["metadata"].get("title", "")


def _coded(packet: Any, tick: Fraction, start: int) -> Coded:
    pts = packet.pts if packet.pts is not None else packet.dts
    dts = None if packet.dts is None else (packet.dts - start) * tick
    return Coded((pts - start) * tick, dts, packet.is_keyframe)


def _language(name: str) -> str:
    """Containers spell "unknown" and two names of one language differently."""
    return {"und": "", "deu": "ger", "fra": "fre"}.get(name, name)


def _ffmpeg(*arguments: object) -> tuple[bytes, str]:
    command = [FFMPEG, "-v", "warning", "-nostdin", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout, done.stderr.decode(errors="replace")


def _shown(path: Path, place: int, tick: Fraction, start: int) -> tuple[tuple[Shown, ...], str]:
    """Each picture's time and number, from its top strip made small."""
    strip = f"crop=iw:trunc(ih*{STRIP:.6f}):0:0:exact=1,scale=160:8:flags=area,format=gray"
    clock = ("-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-c:v", "rawvideo")
    with tempfile.TemporaryDirectory() as folder:
        pixels, times = Path(folder) / "pixels", Path(folder) / "times"
        maps = ("-map", f"0:{place}")
        outputs = (*maps, "-vf", strip, *clock, "-f", "rawvideo", pixels)
        # The one format that writes times as they are, negative and equal ones too.
        outputs += (*maps, "-vf", "scale=16:2", *clock, "-f", "framecrc", times)
        _, complaints = _ffmpeg("-copyts", "-i", path, *outputs)
        strips = np.fromfile(pixels, np.uint8).reshape(-1, 8, 160)
        lines = times.read_text().splitlines()
    base = next(Fraction(line.split()[-1]) for line in lines if line.startswith("#tb"))
    pts = [int(line.split(",")[2]) for line in lines if not line.startswith("#")]
    pairs = zip(pts, strips, strict=True)
    return tuple(Shown(time * base - start * tick, read_code(strip)) for time, strip in pairs), complaints


def samples(path: Path, number: int) -> Samples:
    """One track of sound, from the file's start on."""
    placed = f"aresample={RATE}:async=1:min_hard_comp=0.02:first_pts=0"
    written = ("-ac", "1", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
    data, _ = _ffmpeg("-i", path, "-map", f"0:a:{number}", "-af", placed, *written)
    return np.frombuffer(data, "<f4")


def _events(path: Path, number: int) -> tuple[Event, ...]:
    data, _ = _ffmpeg("-i", path, "-map", f"0:s:{number}", "-c:s", "subrip", "-f", "matroska", "pipe:1")
    found = []
    with av.open(io.BytesIO(data)) as opened:
        for packet in opened.demux(subtitles=0):
            if packet.size:
                begin = float(packet.pts * packet.time_base)
                end = begin + float((packet.duration or 0) * packet.time_base)
                found.append(Event(begin, end, bytes(packet).decode("utf-8", "replace").strip()))
    return tuple(found)


def _look(path: Path, place: int) -> Look:
    """As a player that decodes the first picture finds it."""
    with av.open(str(path), metadata_errors="replace") as opened:
        stream: Any = opened.streams[place]
        context = stream.codec_context
        frame = next(opened.decode(stream))
        turned = round(frame.rotation) % 360
        aspect = Fraction(frame.width, frame.height) * (stream.sample_aspect_ratio or 1)
        if turned in (90, 270):
            aspect = 1 / aspect
        colour = (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace)
        name = context.codec.canonical_name
        return Look(name, frame.width, frame.height, aspect, turned, tuple(int(code) for code in colour))
