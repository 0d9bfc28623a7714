"""Groups of pictures: where decoding may begin, and in which order pictures come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from clips.maker import X264, Clip, Maker, Picture, encoded, remux, repacked

_OPEN = (*X264, "-g", "30", "-bf", "3", "-x264-params", "open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=3")
_X265 = ("-c:v", "libx265", "-preset", "fast", "-crf", "30")
_CRA = (*_X265, "-x265-params", "log-level=none:pools=1:open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=4")
_AAC = ("-c:a", "aac")
_MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-g", "15", "-c:a", "mp2")


def _refresh(suffix: str) -> Clip:
    how = "intra-refresh=1:keyint=30:scenecut=0:bframes=0"
    return encoded(f"intra-refresh-{suffix}", suffix, *X264, "-x264-params", how, *_AAC)


def _packed(maker: Maker, target: Path) -> None:
    """As DivX 5 wrote them: each B-frame in one packet with the picture it refers to, then an empty packet."""
    plain = maker.encode(
        maker.scratch("asp.avi"),
        Picture(),
        (),
        "-c:v",
        "mpeg4",
        "-q:v",
        "4",
        "-bf",
        "1",
        "-g",
        "25",
        "-b_strategy",
        "0",
        "-tag:v",
        "XVID",
    )
    with av.open(str(plain)) as opened:
        contents = [bytes(packet) for packet in opened.demux(video=0) if packet.size]
    kinds = [_kind(content) for content in contents]

    def edit(number: int, packet: Any) -> list[Any]:
        if kinds[number] == "B":
            return [repacked(packet, _EMPTY)]
        content = contents[number]
        if number == 0:
            start = content.index(b"\0\0\1\xb6")
            content = content[:start] + b"\0\0\1\xb2DivX503b1393p\0" + content[start:]
        if number + 1 < len(contents) and kinds[number + 1] == "B":
            content += contents[number + 1]
        return [repacked(packet, content)]

    remux(plain, target, edit)


_EMPTY = bytes.fromhex("000001b6504f")  # a picture that is not coded: type P, no time passed, not coded


def _kind(content: bytes) -> str:
    return "IPBS"[content[content.index(b"\0\0\1\xb6") + 4] >> 6]


def _mid_gop(maker: Maker, target: Path) -> None:
    """A broadcast that was tuned into: it begins between two key frames."""
    whole = maker.encode(maker.scratch("whole.ts"), Picture(count=150), (), *X264, "-g", "40", "-bf", "2")
    remux(whole, target, lambda number, packet: [packet] if number >= 17 else [], "mpegts")


def _open_start(maker: Maker, target: Path) -> None:
    """Cut at an open key frame: its leading pictures are there, what they refer to is not."""
    whole = maker.encode(maker.scratch("open.ts"), Picture(count=150), (), *_OPEN)
    keys: list[int] = []

    def edit(number: int, packet: Any) -> list[Any]:
        if packet.is_keyframe:
            keys.append(number)
        return [packet] if len(keys) > 1 else []

    remux(whole, target, edit, "mpegts")


CLIPS: list[Clip] = [
    encoded("closed-gop-mp4", "mp4", *X264, "-g", "25", "-bf", "3", *_AAC),
    encoded("b-pyramid-mkv", "mkv", *X264, "-g", "60", "-bf", "8", "-refs", "6", "-b_strategy", "0", *_AAC),
    encoded("open-gop-mp4", "mp4", *_OPEN, *_AAC),
    encoded("open-gop-ts", "ts", *_OPEN, *_AAC),
    encoded("open-gop-mkv", "mkv", *_OPEN, *_AAC),
    _refresh("mp4"),
    _refresh("ts"),
    _refresh("mkv"),
    encoded("hevc-cra-mp4", "mp4", *_CRA, *_AAC),
    encoded("hevc-cra-ts", "ts", *_CRA, *_AAC),
    encoded("hevc-cra-mkv", "mkv", *_CRA, *_AAC),
    encoded("mpeg2-open-gop-ts", "ts", *_MPEG2),
    encoded("mpeg2-open-gop-ps", "mpg", *_MPEG2, "-f", "vob"),
    encoded("mpeg2-closed-gop-ts", "ts", *_MPEG2, "-flags", "+cgop+bitexact", "-sc_threshold", "1000000000"),
    encoded(
        "asp-b-frames-avi",
        "avi",
        "-c:v",
        "mpeg4",
        "-q:v",
        "4",
        "-bf",
        "2",
        "-g",
        "30",
        "-tag:v",
        "XVID",
        "-c:a",
        "libmp3lame",
    ),
    encoded("asp-b-frames-mp4", "mp4", "-c:v", "mpeg4", "-q:v", "4", "-bf", "2", "-g", "30", *_AAC),
    encoded("xvid-avi", "avi", "-c:v", "libxvid", "-q:v", "4", "-bf", "2", "-g", "30", "-c:a", "libmp3lame"),
    Clip("packed-b-frames-avi", "avi", _packed),
    encoded(
        "vp9-one-key-webm",
        "webm",
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "300k",
        "-deadline",
        "good",
        "-cpu-used",
        "5",
        "-threads",
        "1",
        "-g",
        "999",
        "-auto-alt-ref",
        "1",
        "-lag-in-frames",
        "16",
        "-c:a",
        "libopus",
    ),
    encoded(
        "av1-open-gop-mkv",
        "mkv",
        "-c:v",
        "libsvtav1",
        "-preset",
        "11",
        "-crf",
        "35",
        "-g",
        "33",
        "-svtav1-params",
        "irefresh-type=1",
        "-c:a",
        "libopus",
    ),
    encoded(
        "av1-one-key-mkv", "mkv", "-c:v", "libsvtav1", "-preset", "11", "-crf", "35", "-g", "-1", "-c:a", "aac"
    ),
    encoded("one-key-mp4", "mp4", *X264, "-g", "999", "-bf", "3", *_AAC),
    encoded("one-key-ts", "ts", *X264, "-g", "999", "-bf", "3", *_AAC),
    encoded("all-key-mp4", "mp4", *X264, "-g", "1", *_AAC),
    encoded("static-picture-mp4", "mp4", *X264, "-g", "50", *_AAC, picture=Picture(still=True)),
    encoded("one-frame-mp4", "mp4", *X264, picture=Picture(count=1), sounds=()),
    encoded("two-frames-mp4", "mp4", *X264, picture=Picture(count=2), sounds=()),
    encoded("three-frames-mkv", "mkv", *X264, "-bf", "2", picture=Picture(count=3), sounds=()),
    Clip("mid-gop-start-ts", "ts", _mid_gop),
    Clip("open-gop-start-ts", "ts", _open_start),
]
