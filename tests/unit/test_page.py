"""The web page: how it is sent, under which policy, and what is said where it was not built."""

import gzip
import importlib.util
import re
import socket
from pathlib import Path

import pytest
from serving import Caller
from starlette.applications import Starlette

from fallow.services import page
from fallow.services.http_server import HttpServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def browser(tmp_path):
    """A caller of a server whose page is in the folder `page`."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(Starlette(routes=page.routes(tmp_path / "page")), 3.0)
    await server.begin(listening)
    yield Caller(listening.getsockname()[1])
    await server.end()


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "a-1.js").write_text("let a")
    (folder / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"let a"))
    (folder / "assets" / ".hidden").write_text("no")
    (tmp_path / "secret").write_text("no")


async def test_the_page_is_asked_for_again_each_time_and_its_parts_never(browser, built):
    index, part = await browser.get("/"), await browser.get("/assets/a-1.js")
    assert (index.status, index.headers["cache-control"]) == (200, "no-cache")
    assert "immutable" in part.headers["cache-control"]
    assert part.headers["content-type"].startswith("text/javascript")


async def test_nothing_of_other_sites_and_nothing_inline_runs_in_the_page(browser, built):
    for path in ("/", "/assets/a-1.js"):
        policy = (await browser.get(path)).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy


async def test_who_takes_compressed_parts_gets_them(browser, built):
    told = await browser.send("GET", "/assets/a-1.js", headers={"Accept-Encoding": "deflate, gzip;q=1, br"})
    assert told.headers["content-encoding"] == "gzip"
    assert gzip.decompress(told.body) == b"let a"
    assert "content-encoding" not in (await browser.get("/assets/a-1.js")).headers


@pytest.mark.parametrize("name", ["..%2f..%2fsecret", "../secret", ".hidden", "none.js", "%00", ""])
async def test_there_is_nothing_but_the_parts(name, browser, built):
    assert (await browser.get(f"/assets/{name}")).status == 404


async def test_a_gateway_without_its_page_says_what_to_do(browser):
    told = await browser.get("/")
    assert told.status == 503
    assert b"web/build_page.py" in told.body


@pytest.mark.parametrize(
    ("version", "good"),
    [
        *(("v20.19.0", True), ("v22.12.0", True), ("v24.1.0", True)),
        *(("v18.20.4", False), ("v20.18.9", False), ("v21.9.0", False), ("v22.11.0", False)),
        *(("", False), ("node: not found", False)),
    ],
)
def test_the_page_is_built_by_a_node_that_vite_runs_with(version, good):
    spec = importlib.util.spec_from_file_location("build_page", ROOT / "web" / "build_page.py")
    build_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_page)
    assert build_page.new_enough(version) is good


def test_all_versions_of_the_page_s_packages_are_exact_and_no_registry_is_named():
    manifest = (ROOT / "web" / "package.json").read_text()
    assert re.findall(r'": "[\^~*><]', manifest.partition('"dependencies"')[2]) == []
    assert '"resolved"' not in (ROOT / "web" / "package-lock.json").read_text()
