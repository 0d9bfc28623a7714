"""The harness itself: what plays well is found well, and a picture too few or too many is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from browser.conftest import Show
from browser.watching import middles, played, stepped, switches
from ladders import by_ffmpeg

COUNT = 125
WHOLE = list(range(COUNT))
MISSING = [*range(60), *range(61, COUNT)]
DOUBLE = [*range(60), 59, *range(61, COUNT)]
Served = Callable[[Path], str]


TIMES = [number / by_ffmpeg.RATE for number in WHOLE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The playlist or manifest of a folder, made once."""
    made: dict[str, Path] = {}

    def of(kind: str, name: str, numbers: list[int]) -> Path:
        if kind + name not in made:
            make = by_ffmpeg.hls if kind == "hls" else by_ffmpeg.dash
            made[kind + name] = make(tmp_path_factory.mktemp(kind + name), numbers)
        return made[kind + name]

    return of


KINDS = pytest.mark.parametrize(("kind", "player"), [("hls", "hls.js"), ("dash", "shaka")])


@KINDS
def test_every_picture_of_a_whole_folder_is_seen(
    kind: str, player: str, folder: Callable[..., Path], show: Show, served: Served
) -> None:
    shown = show(player)
    choices = shown.open(served(folder(kind, "whole", WHOLE)))
    assert sorted(choices.heights) == [72, 144]
    assert stepped(shown.step(middles(TIMES)), TIMES) == []


@KINDS
def test_it_plays_to_the_end_in_both_renditions(
    kind: str, player: str, folder: Callable[..., Path], show: Show, served: Served
) -> None:
    for height in (72, 144):
        shown = show(player)
        shown.open(served(folder(kind, "whole", WHOLE)), height)
        told = shown.play(4.0)
        assert played(told, TIMES) == []
        assert {picture.height for picture in told.pictures} == {height}


@KINDS
def test_segments_of_different_renditions_fit_together(
    kind: str, player: str, folder: Callable[..., Path], show: Show, served: Served
) -> None:
    shown = show(player)
    shown.open(served(folder(kind, "whole", WHOLE)), in_turns=True)
    shown.whole()
    pictures = shown.step(middles(TIMES))
    assert stepped(pictures, TIMES) == []
    # hls.js fetches the last segment once more, of the other rendition.
    assert len(switches(pictures)) >= 1


@pytest.mark.parametrize("numbers", [MISSING, DOUBLE], ids=["missing", "double"])
@KINDS
def test_a_picture_too_few_or_too_many_is_seen(
    kind: str, player: str, numbers: list[int], folder: Callable[..., Path], show: Show, served: Served
) -> None:
    shown = show(player)
    shown.open(served(folder(kind, "missing" if numbers is MISSING else "double", numbers)))
    there = TIMES[: len(numbers)]
    faults = stepped(shown.step(middles(there)), there)
    assert faults[0] == f"picture {numbers[60]} is shown for picture 60"
    assert len(faults) == (len(numbers) - 60 if numbers is MISSING else 1)


@KINDS
def test_a_picture_too_few_is_seen_while_it_plays(
    kind: str, player: str, folder: Callable[..., Path], show: Show, served: Served
) -> None:
    shown = show(player)
    shown.open(served(folder(kind, "missing", MISSING)))
    assert f"{COUNT - 1} pictures were decoded instead of {COUNT}" in played(shown.play(4.0), TIMES)
