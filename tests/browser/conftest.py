"""One browser for all tests, and a website for each folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from browser import packages
from browser.chromium import Chromium
from browser.player import Player
from browser.website import Website
from ladders import product

PLAYERS = {"hls.js": "hlsPlayer", "shaka": "shakaPlayer"}
Show = Callable[[str], Player]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    browser = Chromium()
    yield browser
    browser.stop()


@pytest.fixture(scope="session")
def site() -> Iterator[Website]:
    with Website({"modules": packages.modules(), "page": packages.HERE / "page"}) as website:
        yield website


@pytest.fixture
def show(chromium: Chromium, site: Website) -> Iterator[Show]:
    """A page of its own for a player."""
    with ExitStack() as pages:

        def shown(name: str) -> Player:
            page = chromium.page(f"{site.url}/page/index.html")
            pages.callback(page.close)
            return Player(page, PLAYERS[name])

        yield shown


@pytest.fixture
def served(site: Website, tmp_path: Path) -> Callable[[Path], str]:
    """The address of a file, whose folder is served with it."""

    def url(file: Path) -> str:
        name = f"served-{len(site.folders)}"
        site.folders[name] = file.parent
        return f"{site.url}/{name}/{file.name}"

    return url


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a container, made once."""
    folders: dict[str, Path] = {}
    film = product.source(tmp_path_factory.mktemp("film"))

    def of(container: str) -> Path:
        if container not in folders:
            made = product.encode([film], tmp_path_factory.mktemp(container), container)
            folders[container] = made[film]
        return folders[container]

    return of
