"""Sound: codecs, layouts, and where it lies against the picture."""

from __future__ import annotations

from pathlib import Path

from clips.maker import COPY, X264, Clip, Maker, Picture, Sound, encoded

_GOP = (*X264, "-g", "40", "-bf", "2")


def _plain(name: str, suffix: str, codec: str, *options: object, sound: Sound | None = None) -> Clip:
    return encoded(name, suffix, *_GOP, "-c:a", codec, *options, sounds=(sound or Sound(),))


def _languages(suffix: str) -> Clip:
    sounds = (Sound(0), Sound(1, channels=1), Sound(2, rate=44100))
    names = (
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:a:1",
        "language=fra",
        "-metadata:s:a:2",
        "language=jpn",
    )
    titles = ("-metadata:s:a:1", "title=Commentary", "-disposition:a:0", "0", "-disposition:a:1", "default")
    return encoded(f"languages-{suffix}", suffix, *_GOP, "-c:a", "aac", *names, *titles, sounds=sounds)


def _earlier(maker: Maker, target: Path) -> None:
    """The picture begins most of a second after the sound."""
    film = maker.encode(maker.scratch("film.mkv"), Picture(), (Sound(),), *_GOP, "-c:a", "aac")
    maker.run("-itsoffset", 0.7, "-i", film, "-i", film, "-map", "0:v", "-map", "1:a", *COPY, target)


def _gap(maker: Maker, target: Path) -> None:
    """The sound is missing for a second in the middle."""
    film = maker.encode(maker.scratch("whole.mkv"), Picture(), (Sound(),), *_GOP, "-c:a", "aac")
    holed = "noise=drop='between(pts*tb,2,3)'"
    maker.run("-i", film, "-map", "0", *COPY, "-bsf:a", holed, target)


CLIPS: list[Clip] = [
    encoded("no-sound-mp4", "mp4", *_GOP, sounds=()),
    _plain("sound-later-mp4", "mp4", "aac", sound=Sound(seconds=4.0, delay=0.8)),
    _plain("sound-later-mkv", "mkv", "aac", sound=Sound(seconds=4.0, delay=0.8)),
    _plain("sound-later-ts", "ts", "aac", sound=Sound(seconds=4.0, delay=0.8)),
    Clip("sound-earlier-mp4", "mp4", _earlier),
    Clip("sound-earlier-mkv", "mkv", _earlier),
    Clip("sound-earlier-ts", "ts", _earlier),
    _plain("sound-longer-mp4", "mp4", "aac", sound=Sound(seconds=7.0)),
    _plain("sound-shorter-mp4", "mp4", "aac", sound=Sound(seconds=3.0)),
    _plain("mono-44100-mp4", "mp4", "aac", sound=Sound(channels=1, rate=44100)),
    _plain("surround-ac3-ts", "ts", "ac3", "-b:a", "256k", sound=Sound(channels=6)),
    _plain("surround-aac-mp4", "mp4", "aac", "-b:a", "256k", sound=Sound(channels=6)),
    _plain("eac3-mkv", "mkv", "eac3", "-b:a", "192k"),
    _plain("opus-mkv", "mkv", "libopus", "-b:a", "96k"),
    _plain("vorbis-mkv", "mkv", "libvorbis"),
    _plain("flac-mkv", "mkv", "flac"),
    _plain("alac-mov", "mov", "alac"),
    _plain("pcm-mov", "mov", "pcm_s16le"),
    _plain("pcm-24-mkv", "mkv", "pcm_s24le"),
    _plain("mp3-mp4", "mp4", "libmp3lame"),
    _plain("mp3-44100-avi", "avi", "libmp3lame", sound=Sound(rate=44100)),
    _plain("speech-8000-mov", "mov", "pcm_mulaw", sound=Sound(channels=1, rate=8000)),
    _languages("mp4"),
    _languages("mkv"),
    _languages("ts"),
    Clip("sound-gap-mkv", "mkv", _gap),
]
