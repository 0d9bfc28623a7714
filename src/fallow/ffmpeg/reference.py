"""The one plain ffmpeg command that does the same on one machine: what a sceptic compares with."""

from __future__ import annotations

from collections.abc import Sequence

from fallow.ffmpeg.commands import sound
from fallow.ffmpeg.encoders import encoder
from fallow.ffmpeg.graphs import whole_graph
from fallow.ffmpeg.words import known, ratio
from fallow.recipe import AudioRecipe, TextRecipe, VideoRecipe

SUBTITLES = {"mp4": "mov_text", "matroska": "subrip"}
"""Subtitles in each container that takes any; MPEG-TS takes no text."""

MUXERS: dict[str, tuple[str, ...]] = {
    # The index first, as the pipeline writes it.
    "mp4": ("-movflags", "+faststart"),
    "mpegts": (),
    "matroska": (),
}


def reference(
    video: tuple[int, VideoRecipe],
    audio: Sequence[tuple[int, AudioRecipe]],
    text: Sequence[tuple[int, TextRecipe]],
    source: str,
    target: str,
    container: str,
    binary: str = "ffmpeg",
) -> list[str]:
    """Read `source`, write `target`. Each recipe comes with its stream's index among those of its kind."""
    place, recipe = video
    known(container, MUXERS, "container")
    return [
        *(binary, "-hide_banner", "-y"),
        # FFmpeg turns the pictures by itself: turned by the graph, they would still be marked as to be turned.
        *("-i", _path(source)),
        *("-map", f"0:v:{place}"),
        *("-filter:v", whole_graph(recipe)),
        # As on a worker: every frame, once, at its own time.
        *("-fps_mode:v", "passthrough", "-enc_time_base:v", ratio(recipe.time_base)),
        *encoder(recipe, threads=0),
        *_audio(audio),
        *_text(text, container),
        *MUXERS[container],
        *("-f", container, _path(target)),
    ]


def _audio(tracks: Sequence[tuple[int, AudioRecipe]]) -> list[str]:
    arguments = [item for index, _ in tracks for item in ("-map", f"0:a:{index}")]
    for place, (_, recipe) in enumerate(tracks):
        options = ["-c:a", "copy"] if recipe.codec == "copy" else sound(recipe)
        # Every option is of one output stream: `-c:a` becomes `-c:a:0`, `-ac` becomes `-ac:a:0`.
        for option, value in zip(options[::2], options[1::2], strict=True):
            name = option if option.endswith(":a") else f"{option}:a"
            arguments += [f"{name}:{place}", value]
    return arguments


def _text(tracks: Sequence[tuple[int, TextRecipe]], container: str) -> list[str]:
    if not tracks or container not in SUBTITLES:
        return []
    arguments = [item for index, _ in tracks for item in ("-map", f"0:s:{index}")]
    for place, (_, recipe) in enumerate(tracks):
        codec = recipe.codec if container == "matroska" else SUBTITLES[container]
        arguments += [f"-c:s:{place}", codec]
    return arguments


def _path(path: str) -> str:
    """A path that begins with a dash or holds a colon is still a path."""
    return f"file:{path}"
