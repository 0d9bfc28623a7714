"""What builds and checks the web page: web/build_page.py, with all packages installed and the page built."""

from __future__ import annotations

import fcntl
import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[2] / "web"


def page_tools() -> Any:
    """The module; skips, or fails where all is to be there, without a Node that Vite runs with."""
    spec = importlib.util.spec_from_file_location("build_page", WEB / "build_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.find_node() is None:
        told = "there is no Node that Vite runs with; install it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)
    with (WEB / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        module.install(["dev"])
        module.build()
    return module


def axe() -> str:
    """The checker of accessibility, as a script."""
    page_tools()
    return (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
