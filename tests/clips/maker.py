"""What generators work with: raw pictures and sounds as inputs, FFmpeg, and packets to be rearranged."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg

from clips.picture import frames
from clips.sound import pcm

FFMPEG: str = imageio_ffmpeg.get_ffmpeg_exe()

# The same bytes on every run and machine.
_EXACT = ("-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1")


@dataclass(frozen=True)
class Picture:
    """The pictures of a clip, before they are encoded."""

    width: int = 256
    height: int = 144
    count: int = 125
    rate: str = "25"
    still: bool = False


@dataclass(frozen=True)
class Sound:
    """One track of a clip, before it is encoded."""

    track: int = 0
    seconds: float = 5.0
    channels: int = 2
    rate: int = 48000
    delay: float = 0.0  # seconds after the first picture


class Maker:
    """Makes clips in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: object) -> None:
        command = [FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")

    def picture(self, picture: Picture) -> list[str]:
        """Input arguments."""
        size = f"{picture.width}x{picture.height}"
        path = self.folder / f"{size}-{picture.count}-{picture.still}.yuv"
        if not path.exists():
            content = b"".join(frames(picture.width, picture.height, picture.count, picture.still))
            path.write_bytes(content)
        described = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", size, "-framerate", picture.rate]
        return [*described, "-i", str(path)]

    def sound(self, sound: Sound) -> list[str]:
        """Input arguments."""
        path = self.folder / f"{sound.track}-{sound.seconds}-{sound.channels}-{sound.rate}.pcm"
        if not path.exists():
            path.write_bytes(pcm(sound.seconds, sound.track, sound.channels, sound.rate))
        described = ["-f", "s16le", "-ar", str(sound.rate), "-ch_layout", f"{sound.channels}c"]
        described[-1] = {1: "mono", 2: "stereo", 6: "5.1"}[sound.channels]
        return ["-itsoffset", str(sound.delay), *described, "-i", str(path)]

    def encode(self, target: Path, picture: Picture, sounds: Sequence[Sound], *options: object) -> Path:
        """Pictures and sounds into one file; the streams are mapped in that order."""
        inputs = self.picture(picture)
        for sound in sounds:
            inputs += self.sound(sound)
        maps = [word for number in range(1 + len(sounds)) for word in ("-map", str(number))]
        self.run(*inputs, *maps, *_EXACT, *options, target)
        return target

    def scratch(self, name: str) -> Path:
        """A place for an intermediate file."""
        return self.folder / name


Make = Callable[[Maker, Path], object]


@dataclass(frozen=True)
class Clip:
    """One source: how it is made, and what may be expected of it."""

    name: str
    suffix: str
    make: Make
    damaged: bool = False  # some pictures cannot be decoded as they were
    refused: bool = False  # too damaged to be taken without being told to
    marks: frozenset[str] = field(default_factory=frozenset)  # peculiarities that checks must know

    @property
    def file(self) -> str:
        return f"{self.name}.{self.suffix}"


AAC = Sound()
X264 = ("-c:v", "libx264", "-preset", "fast", "-crf", "26", "-threads", "1", "-pix_fmt", "yuv420p")
COPY = ("-c", "copy", *_EXACT)


def encoded(
    name: str,
    suffix: str,
    *options: object,
    picture: Picture | None = None,
    sounds: Sequence[Sound] = (AAC,),
    marks: Iterable[str] = (),
) -> Clip:
    """A clip that one FFmpeg command makes."""

    def make(maker: Maker, target: Path) -> None:
        maker.encode(target, picture or Picture(), sounds, *options)

    return Clip(name, suffix, make, marks=frozenset(marks))


Edit = Callable[[int, Any], Iterable[Any]]


def remux(source: Path, target: Path, edit: Edit, container: str | None = None, **options: str) -> None:
    """Copy a file packet by packet; `edit` gets the number of a video packet and says what takes its place."""
    with av.open(str(source)) as before, av.open(str(target), "w", format=container, options=options) as after:
        streams = {stream.index: after.add_stream_from_template(stream, opaque=True) for stream in before.streams}
        number = 0
        for packet in before.demux():
            if not packet.size:
                continue
            video = packet.stream.type == "video"
            chosen = edit(number, packet) if video else [packet]
            number += video
            for kept in chosen:
                kept.stream = streams[packet.stream.index]
                after.mux_one(kept)


def repacked(packet: Any, content: bytes) -> Any:
    """A packet of the same times with other content."""
    new = av.Packet(content)
    new.time_base, new.pts, new.dts, new.duration = packet.time_base, packet.pts, packet.dts, packet.duration
    new.is_keyframe = packet.is_keyframe
    return new


def shifted(packet: Any, seconds: Fraction) -> Any:
    """The packet, shown earlier or later."""
    packet.pts += round(seconds / packet.time_base)
    return packet
