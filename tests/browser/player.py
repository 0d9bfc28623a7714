"""A result as a player in a browser shows it: each picture by the number that is drawn into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from browser.chromium import Page
from clips.picture import BLOCKS, code

_NUMBERS = {int("".join(map(str, code(number))), 2): number for number in range(1 << (BLOCKS - 6))}


@dataclass(frozen=True)
class Picture:
    """One picture that was shown."""

    number: int | None  # the one drawn into it, None when it cannot be read
    time: float  # seconds
    height: int


@dataclass(frozen=True)
class Played:
    """A result that was played to its end."""

    pictures: tuple[Picture, ...]  # that the page was told of
    decoded: int
    last: int | None  # the number in the picture that stays at the end
    speed: float
    holes: tuple[float, ...]  # seconds at which the player had nothing to show, but later it had


@dataclass(frozen=True)
class Choices:
    """What a player offers."""

    duration: float
    heights: tuple[int, ...]
    audio: tuple[str, ...]  # languages
    texts: tuple[str, ...]


class Player:
    """`name` is the player's object in the page: hlsPlayer or shakaPlayer."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name

    def open(self, url: str, height: int = 0, *, in_turns: bool = False, ahead: float = 600.0) -> Choices:
        """Paused at the start; in one rendition when a height is given, or each segment in the next one.

        It fetches as many seconds ahead of what is shown.
        """
        told = self._call("open", url, height, in_turns, ahead)
        return Choices(told["duration"], *(tuple(told[name]) for name in ("heights", "audio", "texts")))

    def play(self, speed: float = 1.0, heights: Sequence[int] = ()) -> Played:
        """Play on to the end; as soon as one of `heights` is shown, go over to the next, round and round."""
        told = self.page.run(f"given => toTheEnd({self.name}, ...given)", [speed, list(heights)])
        self.faultless()
        pictures, last = tuple(map(_picture, told["rows"])), _NUMBERS.get(told["last"])
        return Played(pictures, told["decoded"], last, speed, tuple(told["holes"]))

    def step(self, times: Sequence[float]) -> list[Picture | None]:
        """The picture at each time; None where none other than before is shown."""
        shown = self.page.run("times => step(times)", list(times))
        self.faultless()
        return [told and _picture(told) for told in shown]

    def buffered(self) -> list[tuple[float, float]]:
        return [(begin, end) for begin, end in self.page.run("() => buffered()")]

    def whole(self) -> None:
        """Wait until all that there is has been fetched."""
        self.page.run("() => whole()")
        self.faultless()

    def hear(self, language: str) -> None:
        """Take the sound in this language from now on."""
        self._call("audio", language)

    def read(self, language: str) -> list[tuple[float, float, str]]:
        """The subtitles in this language, when all of them have been fetched."""
        self._call("text", language)
        cues = self.page.run("() => cues()")
        self.faultless()
        return [(begin, end, text) for begin, end, text in cues]

    def faultless(self) -> None:
        if faults := self.page.run("() => faults"):
            raise AssertionError("; ".join(faults))

    def _call(self, verb: str, *arguments: object) -> Any:
        given = self.page.run(f"given => {self.name}.{verb}(...given)", list(arguments))
        self.faultless()
        return given


def _picture(told: dict[str, Any]) -> Picture:
    return Picture(_NUMBERS.get(told["word"]), told["time"], told["height"])
