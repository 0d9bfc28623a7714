"""The page's own tests and types, as `npm` runs them in web/, and that its types are those of the API."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from browser.page_tools import WEB, page_tools

_PATIENCE = 300  # seconds


@pytest.fixture(scope="module")
def tools() -> Any:
    return page_tools()


@pytest.mark.parametrize("script", ["test", "check"])
def test_the_page_is_sound(script: str, tools: Any) -> None:
    node = tools.find_node()
    node.run([*node.npm, "run", script])


def test_the_types_are_those_of_the_api(tools: Any) -> None:
    """Whoever changes the API runs `npm run types` in web/."""
    made = subprocess.run(
        [tools.find_node().node, "types.mjs", "-"],
        cwd=WEB,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert made.stdout == (WEB / "src" / "api" / "schema.ts").read_text(encoding="utf-8")
