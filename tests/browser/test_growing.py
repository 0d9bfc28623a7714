"""A stream that is played while it grows: playlists as they are after each segment, until the last."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from browser.conftest import Show
from browser.watching import played
from ladders import product

TIMES = [number / product.RATE for number in range(product.COUNT)]
_PAUSE = 1.0  # seconds from one segment to the next


class Growing:
    """The media playlists of a folder, with one segment more from time to time."""

    def __init__(self, folder: Path) -> None:
        self._texts = {file: file.read_text().splitlines() for file in folder.rglob("index.m3u8")}
        self._segments = max(self._count(lines) for lines in self._texts.values())
        self._stop = threading.Event()
        self.show(1)

    def show(self, count: int) -> None:
        """Each playlist as it was when there were so many segments."""
        for file, lines in self._texts.items():
            kept = min(count, self._count(lines))
            place = [k for k, line in enumerate(lines) if line.startswith("#EXTINF")][kept - 1]
            shown = lines if count >= self._segments else lines[: place + 2]
            text = "\n".join(line.replace("TYPE:VOD", "TYPE:EVENT") for line in shown) + "\n"
            new = file.with_suffix(".new")
            new.write_text(text)
            new.replace(file)

    def grow(self) -> None:
        for count in range(2, self._segments + 1):
            if self._stop.wait(_PAUSE):
                return
            self.show(count)

    def stop(self) -> None:
        self._stop.set()

    @staticmethod
    def _count(lines: list[str]) -> int:
        return sum(line.startswith("#EXTINF") for line in lines)


@pytest.mark.parametrize("container", ["cmaf", "hls-ts"])
def test_what_grows_plays_from_its_first_segment_to_its_last(
    container: str, made: Callable[[str], Path], tmp_path: Path, show: Show, served: Callable[[Path], str]
) -> None:
    folder = shutil.copytree(made(container), tmp_path / "grown")
    growing = Growing(folder)
    shown = show("hls.js")
    shown.open(served(folder / "master.m3u8"), product.HEIGHTS[0])
    late = shown.buffered()[0][0] if container == "hls-ts" else 0.0
    growth = threading.Thread(target=growing.grow)
    growth.start()
    try:
        told = shown.play(1.0)
    finally:
        growing.stop()
        growth.join()
    assert played(told, [time + late for time in TIMES]) == []
