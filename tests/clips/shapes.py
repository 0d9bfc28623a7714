"""Pictures of odd shapes and colours: sizes, pixel aspects, rotations, fields, ranges, bit depths."""

from __future__ import annotations

from pathlib import Path

from clips.maker import AAC, COPY, X264, Clip, Maker, Picture, Sound, encoded

_AAC = ("-c:a", "aac")
_GOP = (*X264, "-g", "40", "-bf", "2")
_MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
_HDR10 = f"hdr10=1:repeat-headers=1:master-display={_MASTERING}:max-cll=1000,400"


def _x265(extra: str) -> tuple[str, ...]:
    tuned = f"log-level=none:pools=1:keyint=30:bframes=3:{extra}"
    return (
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-crf",
        "26",
        "-pix_fmt",
        "yuv420p10le",
        "-x265-params",
        tuned,
    )


def _tags(primaries: str, transfer: str, matrix: str, span: str = "tv") -> tuple[str, ...]:
    tags = f"color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range={span}"
    return ("-vf", f"setparams={tags}")


_PQ = _tags("bt2020", "smpte2084", "bt2020nc")
_HLG = _tags("bt2020", "arib-std-b67", "bt2020nc")


def _rotated(degrees: int, suffix: str = "mp4") -> Clip:
    """Stored turned; the container says how to turn it back."""

    def make(maker: Maker, target: Path) -> None:
        turned = {90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}[degrees]
        stored = maker.encode(maker.scratch(f"turned.{suffix}"), Picture(), (AAC,), *_GOP, "-vf", turned, *_AAC)
        # FFmpeg counts against the clock.
        maker.run("-display_rotation", -degrees, "-i", stored, *COPY, target)

    return Clip(f"rotated-{degrees}-{suffix}", suffix, make)


def _mirrored(degrees: int) -> Clip:
    """As front cameras store it: mirrored, and turned on top of that."""

    def make(maker: Maker, target: Path) -> None:
        turned = {0: "hflip", 90: "transpose=clock_flip", 180: "vflip", 270: "transpose=cclock_flip"}[degrees]
        stored = maker.encode(maker.scratch("mirrored.mp4"), Picture(), (AAC,), *_GOP, "-vf", turned, *_AAC)
        maker.run("-display_rotation", degrees, "-display_hflip", "-i", stored, *COPY, target)

    return Clip(f"mirrored-{degrees}-mp4", "mp4", make)


def _resized(maker: Maker, target: Path) -> None:
    """A broadcast whose picture changes its size on the way."""
    sizes = (Picture(256, 144, 50), Picture(320, 180, 50), Picture(256, 144, 50))
    parts = []
    for number, picture in enumerate(sizes):
        part = maker.scratch(f"resized-{number}.ts")
        begin = ("-output_ts_offset", str(10 + 2 * number), "-mpegts_flags", "+initial_discontinuity")
        maker.encode(part, picture, (Sound(number, 2.0),), *X264, "-g", "25", "-bf", "2", *_AAC, *begin)
        parts.append(part.read_bytes())
    target.write_bytes(b"".join(parts))


def _fields(name: str, suffix: str, first: str, *options: object) -> Clip:
    graph = f"setfield={first},setsar=16/15"
    flags = "+ilme+ildct+bitexact" if "mpeg2video" in options else "+bitexact"
    picture = Picture(256, 144, 100)
    sounds = (Sound(seconds=4.0),)
    return encoded(name, suffix, *options, "-vf", graph, "-flags", flags, picture=picture, sounds=sounds)


_MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-g", "12", "-c:a", "mp2")

CLIPS: list[Clip] = [
    encoded(
        "odd-size-vp9-webm",
        "webm",
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "300k",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-threads",
        "1",
        "-g",
        "40",
        "-c:a",
        "libopus",
        picture=Picture(255, 143),
    ),
    encoded("odd-size-h264-mp4", "mp4", *X264[:-1], "yuv444p", "-g", "40", *_AAC, picture=Picture(255, 143)),
    encoded(
        "odd-size-mjpeg-avi",
        "avi",
        "-c:v",
        "mjpeg",
        "-q:v",
        "5",
        "-pix_fmt",
        "yuvj420p",
        "-c:a",
        "pcm_s16le",
        picture=Picture(191, 107, 60),
        sounds=(Sound(seconds=2.4),),
    ),
    encoded("larger-mp4", "mp4", *_GOP, *_AAC, picture=Picture(480, 360, 75), sounds=(Sound(seconds=3.0),)),
    encoded("portrait-mp4", "mp4", *_GOP, *_AAC, picture=Picture(144, 256)),
    encoded("anamorphic-mp4", "mp4", *_GOP, "-vf", "setsar=4/3", *_AAC),
    encoded("anamorphic-mkv", "mkv", *_GOP, "-vf", "setsar=64/45", *_AAC),
    encoded("anamorphic-mpeg2-ts", "ts", *_MPEG2, "-aspect", "4:3"),
    encoded(
        "anamorphic-vp9-webm",
        "webm",
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "300k",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-threads",
        "1",
        "-vf",
        "setsar=3/4",
        "-c:a",
        "libopus",
    ),
    _rotated(90),
    _rotated(180),
    _rotated(270),
    *(_mirrored(degrees) for degrees in (0, 90, 180, 270)),
    _rotated(90, "mov"),
    _rotated(90, "mkv"),
    _fields("interlaced-top-ts", "ts", "tff", *_MPEG2),
    _fields("interlaced-bottom-ts", "ts", "bff", *_MPEG2),
    _fields("interlaced-h264-mp4", "mp4", "tff", *X264, "-g", "25", "-x264-params", "tff=1", *_AAC),
    _fields("interlaced-bottom-h264-ts", "ts", "bff", *X264, "-g", "25", "-x264-params", "bff=1", *_AAC),
    Clip("resolution-change-ts", "ts", _resized),
    encoded(
        "full-range-mp4", "mp4", *X264[:-1], "yuv420p", "-g", "40", *_AAC, *_tags("bt709", "bt709", "bt709", "pc")
    ),
    encoded("bt601-mp4", "mp4", *_GOP, *_AAC, *_tags("smpte170m", "smpte170m", "smpte170m")),
    encoded("bt470-mp4", "mp4", *_GOP, *_AAC, *_tags("bt470bg", "bt470bg", "bt470bg")),
    encoded("bt709-mkv", "mkv", *_GOP, *_AAC, *_tags("bt709", "bt709", "bt709")),
    encoded("hdr10-mp4", "mp4", *_x265(_HDR10), *_PQ, *_AAC),
    encoded("hdr10-mkv", "mkv", *_x265(_HDR10), *_PQ, *_AAC),
    encoded("hdr10-ts", "ts", *_x265(_HDR10), *_PQ, *_AAC),
    encoded("hlg-mp4", "mp4", *_x265("repeat-headers=1"), *_HLG, *_AAC),
    encoded("ten-bit-422-mkv", "mkv", *X264[:-1], "yuv422p10le", "-g", "40", *_AAC),
    encoded("gray-mkv", "mkv", *X264[:-1], "gray", "-g", "40", *_AAC),
    encoded(
        "rgb-alpha-mov",
        "mov",
        "-c:v",
        "qtrle",
        "-pix_fmt",
        "argb",
        "-c:a",
        "pcm_s16le",
        picture=Picture(128, 72, 40),
        sounds=(Sound(seconds=1.6),),
    ),
]
