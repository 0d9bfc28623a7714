"""Damaged sources: flipped bits, lost packets, files that end too early."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clips.maker import AAC, X264, Clip, Maker, Picture, remux, repacked

_GOP = (*X264, "-g", "40", "-bf", "2", "-c:a", "aac")


def _film(maker: Maker, suffix: str, *options: object) -> Path:
    film = maker.scratch(f"film.{suffix}")
    return film if film.exists() else maker.encode(film, Picture(), (AAC,), *_GOP, *options)


def _flipped(suffix: str) -> Clip:
    """Bits flipped in the middle of a few packets: their pictures come out, but spoilt."""

    def make(maker: Maker, target: Path) -> None:
        def edit(number: int, packet: Any) -> list[Any]:
            if number not in (55, 56, 70):
                return [packet]
            content = bytearray(bytes(packet))
            chance = random.Random(number)
            for _ in range(6):
                content[chance.randrange(len(content) // 2, len(content))] ^= 1 << chance.randrange(8)
            return [repacked(packet, bytes(content))]

        remux(_film(maker, suffix), target, edit)

    return Clip(f"flipped-bits-{suffix}", suffix, make, damaged=True, marks=frozenset({"spoilt"}))


def _torn(maker: Maker, target: Path) -> None:
    """A flipped bit in the number that a slice gives its picture: in MPEG-TS it looks like a picture of its own."""

    def edit(number: int, packet: Any) -> list[Any]:
        content = bytearray(bytes(packet))
        if number == 55:
            _, _, third, _ = _slices(content)
            content[third + 1] ^= 1 << 5
        return [repacked(packet, bytes(content))]

    film = maker.encode(maker.scratch("slices.flv"), Picture(), (), *_GOP, "-bf", "0", "-x264-params", "slices=4")
    remux(film, target, edit)


def _slices(content: bytes) -> Iterator[int]:
    """Where the slices of one H.264 picture begin, each behind its length."""
    at = 0
    while at < len(content):
        if content[at + 4] & 31 in (1, 5):
            yield at + 4
        at += 4 + int.from_bytes(content[at : at + 4], "big")


def _lost(maker: Maker, target: Path) -> None:
    """A broadcast with bad reception: some transport packets never arrived."""
    data = _film(maker, "ts").read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    middle = len(packets) // 2
    target.write_bytes(b"".join(packets[:middle] + packets[middle + 3 :]))


def _cut(name: str, suffix: str, *options: object, refused: bool, part: float = 0.6) -> Clip:
    """The last bytes are missing."""

    def make(maker: Maker, target: Path) -> None:
        data = _film(maker, suffix, *options).read_bytes()
        target.write_bytes(data[: int(len(data) * part)])

    return Clip(name, suffix, make, damaged=True, refused=refused)


def _zeros(maker: Maker, target: Path) -> None:
    """A stretch of a disk that was never written."""
    data = bytearray(_film(maker, "mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    target.write_bytes(bytes(data))


CLIPS: list[Clip] = [
    _flipped("mp4"),
    _flipped("mkv"),
    _flipped("ts"),
    Clip("torn-picture-flv", "flv", _torn, damaged=True),
    Clip("lost-packets-ts", "ts", _lost, damaged=True),
    Clip("zeroed-mkv", "mkv", _zeros, damaged=True),
    _cut("cut-off-mp4", "mp4", "-movflags", "+faststart", refused=True),
    _cut("cut-off-fragmented-mp4", "mp4", "-movflags", "+frag_keyframe+empty_moov", refused=True),
    _cut("cut-off-mkv", "mkv", refused=True),
    _cut("cut-off-avi", "avi", "-bf", "0", refused=True),
    _cut("cut-off-ts", "ts", refused=False),
]
