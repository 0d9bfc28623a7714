"""Streams that `fallow encode` makes, in a browser: every picture in its turn, and switches that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from browser.conftest import Show
from browser.player import Player
from browser.watching import middles, moved, played, stepped, switches
from browser.website import Website
from ladders import product

Served = Callable[[Path], str]
TIMES = [number / product.RATE for number in range(product.COUNT)]
CMAF = [("hls.js", "cmaf", "master.m3u8"), ("shaka", "cmaf", "manifest.mpd")]
WAYS = pytest.mark.parametrize(("player", "container", "file"), [*CMAF, ("hls.js", "hls-ts", "master.m3u8")])


def due(player: Player, container: str) -> list[float]:
    """MPEG-TS cannot say where the presentation begins: players begin with what is decoded first."""
    late = player.buffered()[0][0] if container == "hls-ts" else 0.0
    return [time + late for time in TIMES]


@pytest.mark.parametrize(("player", "container", "file"), CMAF)
@pytest.mark.parametrize("height", product.HEIGHTS)
def test_every_picture_is_shown(
    player: str, container: str, file: str, height: int, made: Callable[[str], Path], show: Show, served: Served
) -> None:
    shown = show(player)
    choices = shown.open(served(made(container) / file), height)
    assert choices.duration == pytest.approx(product.COUNT / product.RATE, abs=0.1)
    times = due(shown, container)
    pictures = shown.step(middles(times))
    assert stepped(pictures, times) == []
    assert {picture.height for picture in pictures if picture} == {height}


@WAYS
def test_it_plays_to_the_end(
    player: str, container: str, file: str, made: Callable[[str], Path], show: Show, served: Served
) -> None:
    shown = show(player)
    choices = shown.open(served(made(container) / file))
    assert sorted(choices.heights) == sorted(product.HEIGHTS)
    assert played(shown.play(4.0), due(shown, container)) == []


@WAYS
def test_segments_of_all_renditions_fit_together(
    player: str, container: str, file: str, made: Callable[[str], Path], show: Show, served: Served
) -> None:
    shown = show(player)
    shown.open(served(made(container) / file), in_turns=True)
    shown.whole()
    times = due(shown, container)
    pictures = shown.step(middles(times))
    assert stepped(pictures, times) == []
    assert {picture.height for picture in pictures if picture} == set(product.HEIGHTS)


@WAYS
def test_it_goes_up_and_down_while_it_plays(
    player: str, container: str, file: str, made: Callable[[str], Path], show: Show, served: Served
) -> None:
    """Switches lose no picture and show none twice: as many are decoded as there are."""
    shown = show(player)
    shown.open(served(made(container) / file), ahead=3.0)
    times = due(shown, container)
    told = shown.play(1.0, product.HEIGHTS)
    assert played(told, times) == []
    assert len(switches(told.pictures)) >= 2


@WAYS
def test_sound_and_words_can_be_chosen(
    player: str,
    container: str,
    file: str,
    made: Callable[[str], Path],
    show: Show,
    served: Served,
    site: Website,
) -> None:
    shown = show(player)
    choices = shown.open(served(made(container) / file), ahead=3.0)
    assert choices.audio == choices.texts == ("en", "de")
    words = shown.read("de")
    cut = 4.0 if file == "manifest.mpd" else 4.7  # DASH has the rest of it in the next segment
    assert [(begin, end) for begin, end, _ in words] == [
        pytest.approx((begin + due(shown, container)[0], end + due(shown, container)[0]), abs=0.001)
        for begin, end in ((0.5, 1.25), (3.5, cut))
    ]
    assert [text for *_, text in words] == ["Hello", "From one segment\nto the next"]
    before = len(site.asked)
    shown.hear("de")
    told = shown.play(4.0)
    assert moved(told.pictures, due(shown, container)) == []
    assert any("/audio/a1" in path for path in site.asked[before:])
    assert "/audio/a0" not in site.asked[-1]
