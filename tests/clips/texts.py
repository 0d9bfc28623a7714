"""Subtitles, chapters, covers and other things beside picture and sound."""

from __future__ import annotations

from pathlib import Path

from clips.maker import AAC, COPY, X264, Clip, Maker, Picture

_GOP = (*X264, "-g", "40", "-bf", "2")
_EVENTS = ((0.5, 1.25, "Grüße an <i>alle</i>"), (1.5, 2.75, "zwei\nZeilen"), (3.04, 4.6, "日本語 & more"))


def _srt(maker: Maker, name: str, prefix: str = "") -> Path:
    path = maker.scratch(name)
    lines = [
        f"{number}\n{_clock(begin)} --> {_clock(end)}\n{prefix}{text}\n"
        for number, (begin, end, text) in enumerate(_EVENTS, 1)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _clock(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    return f"00:00:{thousandths // 1000:02d},{thousandths % 1000:03d}"


def _film(maker: Maker) -> Path:
    film = maker.scratch("film.mkv")
    return film if film.exists() else maker.encode(film, Picture(), (AAC,), *_GOP, "-c:a", "aac")


def _titled(name: str, suffix: str, codec: str, *options: object) -> Clip:
    def make(maker: Maker, target: Path) -> None:
        inputs = ("-i", _film(maker), "-i", _srt(maker, "one.srt"))
        language = ("-metadata:s:s:0", "language=ger")
        maker.run(*inputs, "-map", "0", "-map", "1", *COPY, "-c:s", codec, *language, *options, target)

    return Clip(name, suffix, make)


def _several(suffix: str, codec: str) -> Clip:
    def make(maker: Maker, target: Path) -> None:
        inputs = ("-i", _film(maker), "-i", _srt(maker, "one.srt"), "-i", _srt(maker, "two.srt", "en: "))
        languages = ("-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=eng")
        marks = ("-disposition:s:0", "default", "-disposition:s:1", "forced")
        maps = ("-map", "0", "-map", "1", "-map", "2")
        maker.run(*inputs, *maps, *COPY, "-c:s", codec, *languages, *marks, target)

    return Clip(f"subtitles-several-{suffix}", suffix, make)


def _cover(suffix: str) -> Clip:
    def make(maker: Maker, target: Path) -> None:
        cover = maker.scratch("cover.jpg")
        maker.run(*maker.picture(Picture(64, 64, 1)), "-frames:v", "1", "-update", "1", cover)
        inputs = ("-i", _film(maker), "-i", cover)
        if suffix == "mkv":
            attached = ("-attach", cover, "-metadata:s:t", "mimetype=image/jpeg")
            maker.run("-i", _film(maker), "-map", "0", *COPY, *attached, target)
        else:
            maker.run(*inputs, "-map", "0", "-map", "1", *COPY, "-disposition:v:1", "attached_pic", target)

    return Clip(f"cover-art-{suffix}", suffix, make)


def _chapters(maker: Maker, target: Path) -> None:
    notes = maker.scratch("chapters.txt")
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n"
    body = chapter.format(0, 2000, "One") + chapter.format(2000, 5000, "Two")
    notes.write_text(f";FFMETADATA1\ntitle=A film\n{body}")
    inputs = ("-i", _film(maker), "-f", "ffmetadata", "-i", notes)
    maker.run(*inputs, "-map", "0", "-c", "copy", "-fflags", "+bitexact", "-map_metadata", "1", target)


def _timecode(maker: Maker, target: Path) -> None:
    """A data stream that is neither picture, sound nor text."""
    maker.run("-i", _film(maker), "-map", "0", *COPY, "-timecode", "01:00:00:00", target)


CLIPS: list[Clip] = [
    _titled("subtitles-mp4", "mp4", "mov_text"),
    _titled("subtitles-mov", "mov", "mov_text"),
    _titled("subtitles-srt-mkv", "mkv", "subrip"),
    _titled("subtitles-ass-mkv", "mkv", "ass"),
    _titled("subtitles-webvtt-mkv", "mkv", "webvtt"),
    _titled("subtitles-late-start-mkv", "mkv", "subrip", "-output_ts_offset", "100"),
    _several("mp4", "mov_text"),
    _several("mkv", "subrip"),
    _cover("mp4"),
    _cover("mkv"),
    Clip("chapters-mp4", "mp4", _chapters),
    Clip("chapters-mkv", "mkv", _chapters),
    Clip("timecode-mov", "mov", _timecode),
]
