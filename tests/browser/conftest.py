"""One browser for all tests, and a website for each folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from browser import packages
from browser.chromium import Chromium
from browser.page_tools import page_tools
from browser.player import Player
from browser.visitor import Platform, Visitor
from browser.website import Website
from clips.maker import Maker, Picture
from ladders import product

PLAYERS = {"hls.js": "hlsPlayer", "shaka": "shakaPlayer"}
Show = Callable[[str], Player]
Visit = Callable[..., Visitor]


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


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`fallow up` with its page, for this machine alone."""
    page_tools()
    platform = Platform(tmp_path_factory.mktemp("platform"))
    platform.start()
    yield platform
    platform.stop()


@pytest.fixture
def visit(chromium: Chromium, platform: Platform) -> Iterator[Visit]:
    """A window of its own; nothing in it may have gone wrong, nor broken the page's policy."""
    visitors: list[Visitor] = []

    def visiting(**settings: Any) -> Visitor:
        visitors.append(Visitor(chromium, platform.url, **settings))
        return visitors[-1]

    yield visiting
    for visitor in visitors:
        visitor.close()
    assert [error for visitor in visitors for error in visitor.errors] == []


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds."""
    return filmed(tmp_path_factory.mktemp("film"), 100)


@pytest.fixture(scope="session")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute: a job that is stopped before it is done."""
    return filmed(tmp_path_factory.mktemp("film"), 1500)


def filmed(folder: Path, frames: int) -> Path:
    maker = Maker(folder)
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-g", 25, "-pix_fmt", "yuv420p")
    return maker.encode(maker.scratch("film.mp4"), Picture(320, 180, frames), [], *options)
