"""Encode a few made-up pictures, to see how fast that goes here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction

from fallow.errors import EncoderFailed
from fallow.ffmpeg.commands import COMMON
from fallow.ffmpeg.encoders import encoder
from fallow.ffmpeg.run import Child
from fallow.model import Colour
from fallow.recipe import LEAD, Trial, VideoRecipe

RATE = 25
LOOK_EVERY = 0.05  # seconds; a device that may not work any more is heeded so soon


def trial(wanted: Trial, threads: int) -> list[str]:
    """Everything after the binary's name."""
    return [
        *COMMON,
        # Pictures that differ in every frame, with edges and colours: no file is needed.
        *("-f", "lavfi", "-i", f"testsrc2=size={wanted.width}x{wanted.height}:rate={RATE}"),
        *("-frames:v", str(wanted.frames), "-pix_fmt", wanted.encoder.pixel_format),
        *encoder(_recipe(wanted), threads),
        # Nobody wants what comes out, but how far it is when time is over.
        *("-f", "null", "-", "-stats_period", "0.1", "-progress", "pipe:1"),
    ]


def tried(
    binary: str, wanted: Trial, threads: int, niceness: int, seconds: float, stopped: Callable[[], bool]
) -> float | None:
    """Megapixels a second; when time is over before the end, by the frames that are there, or as if all were: it is
    slower than that. None when it was stopped, or this FFmpeg cannot do it."""
    begun = time.monotonic()
    try:
        child = Child([binary, *trial(wanted, threads)], niceness)
    except EncoderFailed:
        return None
    child.stdin.close()
    reading = _Reading(child)
    while reading.is_alive():
        reading.join(LOOK_EVERY)
        if stopped() or time.monotonic() - begun > seconds:
            child.stop()
            reading.join()
            break
    ended, taken = child.wait(), time.monotonic() - begun
    if stopped() or (ended.code and taken <= seconds):
        return None
    share = min(reading.frames / wanted.frames, 1.0) if ended.code and reading.frames else 1.0
    return wanted.megapixels * share / taken


class _Reading(threading.Thread):
    """Reads how far it is."""

    def __init__(self, child: Child) -> None:
        super().__init__(name="trial", daemon=True)
        self._child = child
        self.frames = 0
        self.start()

    def run(self) -> None:
        with self._child.stdout as told:
            while line := told.readline():
                name, _, value = line.decode(errors="replace").partition("=")
                if name == "frame" and value.strip().isdigit():
                    self.frames = int(value)


def _recipe(wanted: Trial) -> VideoRecipe:
    """As if it were a chunk."""
    return VideoRecipe(
        container="nut",
        output="matroska",
        frames=wanted.frames,
        start=LEAD,
        end=None,
        guard=0,
        context_start=None,
        context_end=None,
        deinterlace=False,
        rotation=0,
        width=wanted.width,
        height=wanted.height,
        scaled=False,
        sample_aspect=Fraction(1),
        time_base=Fraction(1, RATE),
        rate=Fraction(RATE),
        encoder=wanted.encoder,
        colour=Colour(),
    )
