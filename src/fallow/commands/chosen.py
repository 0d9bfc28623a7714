"""Which profiles a command line names, one by one or by a ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fallow import profile_files
from fallow.errors import BadProfile
from fallow.profiles import Profile


def known(files: Sequence[Path] | None) -> dict[str, Profile]:
    """The profiles that -p knows."""
    return profile_files.load([*profile_files.user_files(), *(files or [])])


@dataclass(frozen=True)
class Wanted:
    """The profiles that a command line names, one by one or by a ladder."""

    known: dict[str, Profile]
    names: tuple[str, ...]
    ladder: bool

    @classmethod
    def of(cls, names: Sequence[str], files: Sequence[Path] | None) -> Wanted:
        if not names:
            raise BadProfile("No profile is named; name one with -p, or take --ladder.")
        ladders = profile_files.ladders([*profile_files.user_files(), *(files or [])])
        rungs = [rung for name in names for rung in ladders.get(name, (name,))]
        return cls(known(files), tuple(dict.fromkeys(rungs)), any(name in ladders for name in names))

    @property
    def container(self) -> str | None:
        """What a ladder is for."""
        return "cmaf" if self.ladder else None

    def profiles(self, settings: Sequence[str] | None) -> list[Profile]:
        return [profile_files.override(profile_files.find(self.known, name), settings or []) for name in self.names]
