"""How well a result shows what its source shows, frame by frame: VMAF and PSNR, as a table on stdout."""

from __future__ import annotations

from fallow.catalogue import MEASURE
from fallow.ffmpeg.graphs import chunk_graph, output_colour
from fallow.ffmpeg.words import known, word
from fallow.recipe import Against, VideoRecipe

READABLE = frozenset({"mpegts", "matroska"})
"""What the stretch of a result may come in."""

MODEL = "vmaf_v0.6.1"
"""The model that every score is by: scores by different ones cannot be compared."""

TABLE = "/dev/stdout"
"""Where the filter writes its table, when it has seen all frames."""

_NUMBERED = "settb=expr=1/25,setpts=expr=N"
"""Frames are paired by their numbers: neither side's times say anything."""


def measured_graph(recipe: VideoRecipe, against: Against, threads: int) -> str:
    """Input 0 is the chunk, treated as for the encoder; input 1 is what came of it."""
    options = [
        f"model=version={MODEL}",
        # Of libvmaf itself, so that both scores are of the same pair of pictures.
        "feature=name=psnr",
        *("log_fmt=csv", f"log_path={TABLE}", f"n_threads={max(1, threads)}"),
        # Whoever counts the rows notices a picture that is missing on either side.
        "shortest=1",
    ]
    return ";".join(
        [
            f"[0:v:0]{chunk_graph(recipe)},{_NUMBERED}[source]",
            f"[1:v:0]{_result(recipe, against)},{_NUMBERED}[result]",
            f"[result][source]{MEASURE}={':'.join(options)}[measured]",
        ]
    )


def _result(recipe: VideoRecipe, against: Against) -> str:
    """In the pixel format of the encoder. The frames around it have no counterpart: its own edges stand in."""
    colour = output_colour(recipe).range
    scale = [f"scale=in_range={word(colour)}:out_range={word(colour)}"] if colour else []
    edges = f"tpad=start={against.before}:stop={against.after}:start_mode=clone:stop_mode=clone"
    return ",".join([*scale, f"format=pix_fmts={word(recipe.encoder.pixel_format)}", edges])


def result_input(against: Against, threads: int, file: str) -> list[str]:
    """The second input."""
    return [
        *("-threads", str(threads), "-noautorotate", "-protocol_whitelist", "pipe"),
        *("-f", known(against.container, READABLE, "container"), "-i", file),
    ]
