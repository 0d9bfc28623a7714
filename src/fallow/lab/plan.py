"""What an experiment tries: every source with every profile, by every crew, so many times."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from fallow.errors import BadSetting
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile, nearest

MOST_REPETITIONS, MOST_AGENTS = 1000, 1024


@dataclass(frozen=True)
class Crew:
    """Who does the work of a run."""

    agents: int = 0  # so many on this machine; 0: workers of a server
    names: tuple[str, ...] = ()  # which of them; (): all

    @property
    def label(self) -> str:
        if self.agents:
            return f"{self.agents} agent{'s' * (self.agents > 1)}"
        return " + ".join(self.names) or "all workers"


@dataclass(frozen=True)
class Experiment:
    """All that is to be tried, and what a kilowatt-hour costs."""

    sources: tuple[Path, ...]
    profiles: tuple[Profile, ...]
    crews: tuple[Crew, ...]
    repetitions: int = 3
    chunk_seconds: float = Options.chunk_seconds
    server: str = ""  # "": a platform of its own on this machine
    price_per_kwh: float | None = None
    currency: str = "EUR"


def read(path: Path, known: dict[str, Profile]) -> Experiment:
    """The experiment of a file; raises BadSetting with what is wrong in it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadSetting(f"{path} is no TOML: {error}.") from error
    return _Reader(path, table).experiment(known)


class _Reader:
    """Takes one table apart, and says where it is wrong."""

    def __init__(self, path: Path, table: dict[str, Any]) -> None:
        self._path, self._table = path, dict(table)

    def experiment(self, known: dict[str, Profile]) -> Experiment:
        server = self._text("server", "")
        made = Experiment(
            sources=self._sources(),
            profiles=tuple(self._profile(name, known) for name in self._texts("profiles")),
            crews=tuple(self._crew(item, server) for item in self._list("workers", [[]] if server else [1])),
            repetitions=int(self._number("repetitions", 3, 1, MOST_REPETITIONS)),
            chunk_seconds=self._number("chunk_seconds", Options.chunk_seconds, 0.1, 3600),
            server=server,
            price_per_kwh=self._number("price_per_kwh", 0, 0, 1e6) if "price_per_kwh" in self._table else None,
            currency=self._text("currency", "EUR"),
        )
        if unknown := set(self._table) - set(_KEYS):
            raise self._wrong(f"{min(unknown)} is no setting of an experiment; {nearest(min(unknown), _KEYS)}")
        return made

    def _sources(self) -> tuple[Path, ...]:
        """Beside the file, or anywhere; a pattern may match several."""
        found: list[Path] = []
        for text in self._texts("sources"):
            matches = sorted(glob.glob(str(self._path.parent / text)))
            if not matches:
                raise self._wrong(f"there is no source {text}; write it as seen from the file's folder.")
            found += [Path(match) for match in matches]
        names = [path.name for path in found]
        if twice := {name for name in names if names.count(name) > 1}:
            raise self._wrong(f"two sources are called {min(twice)}, and a record tells them by name; rename one.")
        return tuple(found)

    def _profile(self, name: str, known: dict[str, Profile]) -> Profile:
        if name not in known:
            raise self._wrong(f"there is no profile named {name!r}; {nearest(name, known)}")
        return known[name]

    def _crew(self, item: Any, server: str) -> Crew:
        if server:
            if isinstance(item, list) and all(isinstance(name, str) for name in item):
                return Crew(names=tuple(item))
            raise self._wrong(
                'with a server, workers are lists of names, like [["phone", "attic"], []]; [] is all.'
            )
        if isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= MOST_AGENTS:
            return Crew(agents=item)
        raise self._wrong("without a server, workers are numbers of agents, like [1, 2, 4].")

    def _texts(self, key: str) -> Sequence[str]:
        items = self._list(key, []) if key in self._table else []
        if not items or not all(isinstance(item, str) and item for item in items):
            raise self._wrong(f'{key} is missing or no list of names; write it like {key} = ["…"].')
        return items

    def _list(self, key: str, default: list[Any]) -> list[Any]:
        found = self._table.get(key, default)
        if not isinstance(found, list) or not found:
            raise self._wrong(f"{key} is no list with something in it.")
        return found

    def _text(self, key: str, default: str) -> str:
        found = self._table.get(key, default)
        if not isinstance(found, str):
            raise self._wrong(f"{key} is no text in quotes.")
        return found

    def _number(self, key: str, default: float, least: float, most: float) -> float:
        found = self._table.get(key, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not least <= found <= most:
            raise self._wrong(f"{key} is no number from {least:g} to {most:g}.")
        return found

    def _wrong(self, sentence: str) -> BadSetting:
        return BadSetting(f"{self._path}: {sentence}")


_KEYS = (
    *("sources", "profiles", "workers", "repetitions", "chunk_seconds", "server", "price_per_kwh", "currency"),
)
