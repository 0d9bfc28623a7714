"""A recipe to change, for tests."""

from __future__ import annotations

import shlex
from dataclasses import replace
from fractions import Fraction

from fallow.ffmpeg import commands
from fallow.model import Colour
from fallow.recipe import Encoder, VideoRecipe

X264 = Encoder("libx264", "yuv420p", "veryfast", 250, crf=23.0)


def recipe(**changes: object) -> VideoRecipe:
    """The first two seconds of a 25 fps clip, of which 12 more frames came along."""
    plain = VideoRecipe(
        container="mpegts",
        output="mpegts",
        frames=50,
        start=Fraction(499, 50),
        end=Fraction(623, 50),
        guard=12,
        context_start=None,
        context_end=None,
        deinterlace=False,
        rotation=0,
        width=64,
        height=48,
        scaled=False,
        sample_aspect=Fraction(1),
        time_base=Fraction(1, 12800),
        rate=Fraction(25),
        encoder=X264,
        colour=Colour(),
        mark=Fraction(599, 50),
        marked=50,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def line(one: VideoRecipe, threads: int = 1) -> str:
    return shlex.join(commands.video(one, threads)).replace("'\"'\"'", "'")
