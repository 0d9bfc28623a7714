"""Scores of frames: read from workers' tables, checked, told as a curve, a mean and the worst moments. Pure."""

from __future__ import annotations

import csv
import heapq
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fallow.errors import BrokenPart
from fallow.ffmpeg.quality import MODEL
from fallow.recipe import VideoRecipe

POINTS = 2000  # of a curve, at most: more than any screen shows
MOMENTS = 10
APART = 3.0  # seconds between two moments, at least
LOW = 0.05  # the share of frames that are worse than the low figure
_DIGITS = 3
_HIGHEST = {"vmaf": 100.5, "psnr": 200.0}  # libvmaf caps PSNR well below this, and says so of equal pictures


@dataclass(frozen=True)
class Score:
    """Of one frame."""

    vmaf: float
    psnr: float  # dB, of luma


@dataclass(frozen=True)
class Moment:
    """A frame that is worse than those around it."""

    seconds: float
    frame: int
    vmaf: float
    psnr: float


@dataclass(frozen=True)
class Curve:
    """What is told of a measured rendition."""

    model: str
    frames: int
    mean: Score
    low: Score  # a twentieth of the frames are worse
    step: int  # frames in a point of the curve
    curve: list[tuple[float, float, float]]  # when a point begins, and the lowest scores of its frames
    worst: list[Moment]


def table(data: bytes, recipe: VideoRecipe) -> list[Score]:
    """The chunk's own scores in a worker's table. Raises BrokenPart when it is not what it should be."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("ascii"))))
        found = [Score(_number(row, "vmaf", "vmaf"), _number(row, "psnr", "psnr_y")) for row in rows]
        numbers = [int(row["Frame"]) for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise BrokenPart(f"The part is no table of scores: {error}.") from None
    if numbers != list(range(recipe.frames)):
        raise BrokenPart(
            f"The table, of {len(rows)} rows, does not have the frames 0 to {recipe.frames - 1} in order."
        )
    if recipe.against is None:
        raise BrokenPart("The recipe asks for no scores.")
    return found[recipe.against.before : recipe.frames - recipe.against.after]


def _number(row: dict[str, str], kind: str, column: str) -> float:
    value = float(row[column])
    if not 0 <= value <= _HIGHEST[kind]:  # which no NaN is, either
        raise ValueError(f"{column} is {value}")
    return value


def pack(scores: Sequence[Score], times: Sequence[float]) -> bytes:
    """The result of a measurement: every frame of the rendition, when it is shown and how it scored."""
    columns = {
        "seconds": [round(time, 4) for time in times],
        "vmaf": [round(score.vmaf, 4) for score in scores],
        "psnr": [round(score.psnr, 4) for score in scores],
    }
    return json.dumps({"model": MODEL, "frames": len(scores), **columns}, separators=(",", ":")).encode()


def curve(data: bytes) -> Curve:
    """What is told of the result of a measurement."""
    told = json.loads(data)
    times, vmaf, psnr = told["seconds"], told["vmaf"], told["psnr"]
    step = max(1, math.ceil(len(times) / POINTS))
    starts = range(0, len(times), step)
    return Curve(
        model=told["model"],
        frames=len(times),
        mean=Score(round(fmean(vmaf), _DIGITS), round(fmean(psnr), _DIGITS)),
        low=Score(_low(vmaf), _low(psnr)),
        step=step,
        curve=[
            (times[at], round(min(vmaf[at : at + step]), _DIGITS), round(min(psnr[at : at + step]), _DIGITS))
            for at in starts
        ],
        worst=[
            Moment(times[frame], frame, round(vmaf[frame], _DIGITS), round(psnr[frame], _DIGITS))
            for frame in _worst(times, vmaf, psnr)
        ],
    )


def _low(values: Sequence[float]) -> float:
    return round(sorted(values)[int(len(values) * LOW)], _DIGITS)


def _worst(times: Sequence[float], vmaf: Sequence[float], psnr: Sequence[float]) -> list[int]:
    """The worst frames in the order of time: no two are close, and only the first may reach the mean."""
    chosen: list[int] = []
    order = [(vmaf[frame], psnr[frame], frame) for frame in range(len(times))]
    heapq.heapify(order)
    mean = fmean(vmaf)
    while order and len(chosen) < MOMENTS and (order[0][0] < mean or not chosen):
        *_, frame = heapq.heappop(order)
        if all(abs(times[frame] - times[other]) >= APART for other in chosen):
            chosen.append(frame)
    return sorted(chosen)
