"""Folders that the product makes, as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clips.maker import Maker, Picture, Sound
from ladders.manifests import manifest
from ladders.playlists import master
from ladders.tracks import Folder

RATE = 25
COUNT = 200
SIZE = (256, 144)
HEIGHTS = (72, 144)
LANGUAGES = ("eng", "ger")

_PROFILES = """
[large]
width = 256
height = 144
preset = "veryfast"
crf = 20
audio = { codec = "aac", bitrate_kbps = 64, channels = 2 }

[small]
based_on = "large"
width = 128
height = 72
"""
_WORDS = (
    "1\n00:00:00,500 --> 00:00:01,250\nHello\n\n2\n00:00:03,500 --> 00:00:04,700\nFrom one segment\nto the next\n"
)
_PATIENCE = 300  # seconds for one command


def source(folder: Path) -> Path:
    """A film with sound and words in two languages, and no key frame where segments are to begin."""
    maker = Maker(folder)
    seconds = COUNT / RATE
    coded = (
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        12,
        "-g",
        37,
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "pcm_s16le",
    )
    bare = maker.encode(
        maker.scratch("bare.mkv"),
        Picture(*SIZE, COUNT, str(RATE)),
        [Sound(track, seconds) for track in range(len(LANGUAGES))],
        *coded,
    )
    words = maker.scratch("words.srt")
    words.write_text(_WORDS)
    named = [f"-metadata:s:a:{n}" for n in range(2)], [f"language={name}" for name in LANGUAGES]
    tags = [word for pair in zip(*named, strict=True) for word in pair]
    inputs = ("-i", bare, *("-i", words) * 2)
    maps = ("-map", 0, "-map", 1, "-map", 2, "-c", "copy")
    tags += ["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger"]
    maker.run(*inputs, *maps, *tags, folder / "film.mkv")
    return folder / "film.mkv"


def encode(videos: Sequence[Path], folder: Path, container: str, *options: object) -> dict[Path, Path]:
    """The folder of each result, in two sizes and segments of two seconds; none of one that was refused."""
    profiles = folder / "profiles.toml"
    profiles.parent.mkdir(parents=True, exist_ok=True)
    profiles.write_text(_PROFILES)
    command = [sys.executable, "-m", "fallow", "encode", *map(str, videos), "--profiles", str(profiles)]
    command += ["-p", "large", "-p", "small", "--container", container, "-o", f"{folder / 'out'}{os.sep}"]
    command += ["--chunk-seconds", "4", "--segment-seconds", "2", *map(str, options)]
    home = {**os.environ, "FALLOW_STATE": str(folder / "state")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=home, timeout=_PATIENCE)
    assert len(videos) > 1 or done.returncode == 0, done.stderr[-3000:]
    made = {video: folder / "out" / video.stem for video in videos}
    return {video: folder for video, folder in made.items() if folder.exists()}


def lists(made: Path) -> list[Folder]:
    """What a folder's master playlist and its manifest name, whichever there are."""
    found = [(master, made / "master.m3u8"), (manifest, made / "manifest.mpd")]
    return [read(file) for read, file in found if file.exists()]
