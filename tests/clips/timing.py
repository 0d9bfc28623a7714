"""Times: rates, variable rates, starts, wraps, edit lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clips.maker import AAC, COPY, X264, Clip, Maker, Picture, Sound, encoded, remux

_AAC = ("-c:a", "aac")
_GOP = (*X264, "-g", "40", "-bf", "2")
_RATES = {
    "12": ("12", 60),
    "23976": ("24000/1001", 120),
    "2997": ("30000/1001", 150),
    "50": ("50", 200),
    "5994": ("60000/1001", 240),
    "60": ("60", 240),
}


def _rate(name: str, suffix: str) -> Clip:
    rate, count = _RATES[name]
    above, _, below = rate.partition("/")
    seconds = count * int(below or 1) / int(above)
    sounds = (Sound(seconds=round(seconds, 2)),)
    return encoded(
        f"rate-{name}-{suffix}", suffix, *_GOP, *_AAC, picture=Picture(count=count, rate=rate), sounds=sounds
    )


_VFR = "settb=1/90000,setpts='(N*0.04+0.11*floor(N/7)-0.013*(N-3*floor(N/3)))/TB'"


def _vfr(suffix: str) -> Clip:
    clock = ("-vf", _VFR, "-fps_mode", "passthrough", "-enc_time_base:v", "1/90000")
    return encoded(f"vfr-{suffix}", suffix, *clock, *_GOP, *_AAC, sounds=(Sound(seconds=7.0),))


def _plain(maker: Maker, suffix: str = "mp4") -> Path:
    target = maker.scratch(f"plain.{suffix}")
    return (
        target if target.exists() else maker.encode(target, Picture(count=150), (Sound(seconds=6.0),), *_GOP, *_AAC)
    )


def _copied(name: str, suffix: str, *options: object, before: Iterable[object] = (), plain: str = "mp4") -> Clip:
    """Packets of a plain clip, put into another file with other times."""

    def make(maker: Maker, target: Path) -> None:
        maker.run(*before, "-i", _plain(maker, plain), *COPY, *options, target)

    return Clip(name, suffix, make)


def _duplicates(maker: Maker, target: Path) -> None:
    """Every fortieth picture has the time of the one before it."""
    plain = maker.encode(maker.scratch("flat.mkv"), Picture(), (AAC,), *X264, "-g", "40", "-bf", "0", *_AAC)

    def edit(number: int, packet: Any) -> list[Any]:
        if number % 40 == 20:
            packet.pts = packet.dts = packet.pts - round(0.04 / packet.time_base)
        return [packet]

    remux(plain, target, edit, "matroska")


def _overlapping(maker: Maker, target: Path) -> None:
    """Two cuts put together without encoding: the second one begins before the first is over."""
    plain, script = _plain(maker), maker.scratch("cuts.txt")
    cuts = (("inpoint 1.0", "outpoint 3.0"), ("inpoint 2.5", "outpoint 5.0"))
    lines = [line for cut in cuts for line in (f"file '{plain}'", *cut)]
    script.write_text("\n".join(lines))
    maker.run("-f", "concat", "-safe", "0", "-i", script, "-map", "0", *COPY, target)


CLIPS: list[Clip] = [
    *(_rate(name, "mp4") for name in _RATES),
    _rate("23976", "mkv"),
    _rate("2997", "mkv"),
    _rate("5994", "mkv"),
    _rate("5994", "ts"),
    _rate("23976", "ts"),
    encoded(
        "rate-23976-avi",
        "avi",
        "-c:v",
        "mpeg4",
        "-q:v",
        "5",
        "-g",
        "25",
        "-c:a",
        "libmp3lame",
        picture=Picture(count=120, rate="24000/1001"),
    ),
    _vfr("mp4"),
    _vfr("mkv"),
    _vfr("ts"),
    _copied("start-3600-mp4", "mp4", "-output_ts_offset", "3600"),
    _copied("start-3600-ts", "ts", "-output_ts_offset", "3600"),
    _copied("start-3600-mkv", "mkv", "-output_ts_offset", "3600"),
    _copied("pts-wrap-ts", "ts", "-output_ts_offset", "95440.9", "-mpegts_copyts", "1"),
    _copied("negative-cts-mp4", "mp4", "-movflags", "+negative_cts_offsets"),
    _copied("fragmented-mp4", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"),
    _copied(
        "fragmented-short-mp4",
        "mp4",
        "-movflags",
        "+empty_moov+default_base_moof+separate_moof",
        "-frag_duration",
        "300000",
    ),
    _copied("no-edit-list-mp4", "mp4", "-use_editlist", "0"),
    _copied("edit-list-cut-mp4", "mp4", before=("-ss", "1.3")),
    _copied("edit-list-cut-mov", "mov", before=("-ss", "2.5")),
    _copied("index-first-mp4", "mp4", "-movflags", "+faststart"),
    Clip("overlapping-cuts-mp4", "mp4", _overlapping, marks=frozenset({"duplicates"})),
    Clip("duplicate-pts-mkv", "mkv", _duplicates, marks=frozenset({"duplicates"})),
]
