"""Which files `encode` reads and writes: checked before anything is started."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fallow import catalogue
from fallow.errors import BadInput, BadSetting
from fallow.profiles import Profile

_ALIASES = {"ts": "mpegts", "mkv": "matroska"}


OF_STREAMS = {"master.m3u8", "manifest.mpd", "video", "audio", "text", "thumbnails"}
"""What is in the folder of a stream."""


@dataclass(frozen=True)
class Output:
    """One result to be written."""

    source: Path
    profile: Profile
    path: Path
    container: str

    @property
    def streamed(self) -> bool:
        """Whether it is part of a folder, whose front is `path`."""
        return self.container in catalogue.STREAMS


def outputs(
    inputs: Sequence[Path], profiles: Sequence[Profile], wanted: str | None, container: str | None
) -> list[Output]:
    """One output for each input and profile; raises BadSetting when the names do not work out."""
    container = container_named(container)
    if container in catalogue.STREAMS:
        results = _streams(inputs, profiles, wanted, str(container))
    elif wanted is not None and _names_a_file(wanted):
        results = [_single(inputs, profiles, Path(wanted), container)]
    else:
        ending = catalogue.CONTAINERS[container or "mp4"]
        folder = Path(wanted) if wanted is not None else Path()
        results = [
            Output(source, profile, folder / f"{source.stem}.{profile.name}{ending}", container or "mp4")
            for source in inputs
            for profile in profiles
        ]
    _check_names(inputs, results)
    return results


def container_named(name: str | None) -> str | None:
    """The container that a person means by this name."""
    if name is None:
        return None
    container = _ALIASES.get(name, name)
    if container not in {**catalogue.CONTAINERS, **catalogue.STREAMS}:
        known = ", ".join([*catalogue.CONTAINERS, *_ALIASES, *catalogue.STREAMS])
        raise BadSetting(f"There is no container {name!r}; choose one of {known}.")
    return container


def streamed(container: str | None) -> str:
    """The container of a result that can be played while it is made. Raises BadSetting for others."""
    if container is not None and container not in catalogue.STREAMS:
        known = ", ".join(catalogue.STREAMS)
        raise BadSetting(
            f"{container} cannot be played while it is made; choose one of {known}, or leave --stream out."
        )
    return container or "cmaf"


def check_input(path: Path) -> None:
    """Raises BadInput for what can be told from the file's name and first bytes alone."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}; check its name.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be looked at ({error.strerror}); check its name and permissions.") from None
    if stat.S_ISDIR(facts.st_mode):
        raise BadInput(f"{path} is a directory; name the video files in it.")
    if not stat.S_ISREG(facts.st_mode):
        raise BadInput(f"{path} is no regular file; save its content to one first.")
    if facts.st_size == 0:
        raise BadInput(f"{path} is empty (0 bytes); copy or download it again.")
    if not os.access(path, os.R_OK):
        raise BadInput(f"{path} may not be read; ask for permission, or run `chmod +r` on it.")


def check_folder(path: Path) -> None:
    """Raises BadSetting unless a file can be made in this folder, which is made itself if need be later."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise BadSetting(f"{there} is a file, so no results can be put below it; choose another -o.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadSetting(f"The folder {there} may not be written to; choose another one with -o.")


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """The folder is there from now on, unless what is done in it fails: then it is as it was."""
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in new:
            with suppress(OSError):  # not empty: somebody else uses it, too
                place.rmdir()
        raise


def _names_a_file(wanted: str) -> bool:
    path = Path(wanted)
    return not wanted.endswith(os.sep) and path.suffix != "" and not path.is_dir()


def _streams(
    inputs: Sequence[Path], profiles: Sequence[Profile], wanted: str | None, container: str
) -> list[Output]:
    """All renditions of an input are in one folder that is named like it."""
    if wanted is not None and Path(wanted).suffix in catalogue.EXTENSIONS:
        raise BadSetting(f"-o {wanted} names one file, but {container} is many; name a folder, as in -o out/.")
    front = catalogue.STREAMS[container].front
    folder = Path(wanted) if wanted is not None else Path()
    return [Output(source, p, folder / source.stem / front, container) for source in inputs for p in profiles]


def _single(inputs: Sequence[Path], profiles: Sequence[Profile], path: Path, container: str | None) -> Output:
    if len(inputs) != 1 or len(profiles) != 1:
        count = len(inputs) * len(profiles)
        raise BadSetting(f"-o {path} names one file, but {count} results are wanted; name a folder, as in -o out/.")
    by_name = catalogue.EXTENSIONS.get(path.suffix.lower())
    if container is None and by_name is None:
        known = ", ".join(catalogue.EXTENSIONS)
        raise BadSetting(f"-o {path} ends in {path.suffix}; use one of {known}, or add --container.")
    return Output(inputs[0], profiles[0], path, container or by_name or "mp4")


def _check_names(inputs: Sequence[Path], results: Sequence[Output]) -> None:
    sources = {Path(os.path.realpath(path)) for path in inputs}  # which unlike `resolve` bears links in a circle
    seen: dict[Path, Path] = {}
    for result in results:
        if result.streamed:
            _check_stream(result.path.parent)
        place = Path(os.path.realpath(result.path))
        if place in sources:
            raise BadSetting(f"{result.path} would be overwritten although it is an input; choose another -o.")
        if place in seen and not (result.streamed and seen[place] == result.source):
            raise BadSetting(f"Two results would both be {result.path}; rename one input.")
        if place.is_dir():
            raise BadSetting(f"{result.path} is a directory; choose another -o.")
        seen[place] = result.source
        check_folder(result.path.absolute().parent)


def _check_stream(folder: Path) -> None:
    """A folder is replaced as a whole, so nothing but an earlier stream may be in it."""
    if folder.exists() and not folder.is_dir():
        raise BadSetting(f"{folder} is a file, and a stream would be a folder of that name; choose another -o.")
    foreign = {path.name for path in folder.iterdir()} - OF_STREAMS if folder.is_dir() else set()
    if foreign:
        raise BadSetting(
            f"{folder} holds {min(foreign)}, which is no part of a stream, and the folder would be replaced; "
            "choose another -o."
        )
