"""The page's own tests, types and lint, as `npm` runs them in web/, and that its types are those of the API."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[2] / "web"
_PATIENCE = 300  # seconds


@pytest.fixture(scope="module")
def build_page() -> Any:
    """The module web/build_page.py, when all packages are installed."""
    spec = importlib.util.spec_from_file_location("build_page", WEB / "build_page.py")
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.find_node() is None:
        told = "there is no Node that Vite runs with; install it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)
    module.install(["dev"])
    return module


@pytest.mark.parametrize("script", ["test", "check"])
def test_the_page_is_sound(script: str, build_page: Any) -> None:
    node = build_page.find_node()
    node.run([*node.npm, "run", script])


def test_the_types_are_those_of_the_api(build_page: Any) -> None:
    """Whoever changes the API runs `npm run types` in web/."""
    node = build_page.find_node()
    made = subprocess.run(
        [node.node, "types.mjs", "-"],
        cwd=WEB,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert made.stdout == (WEB / "src" / "api" / "schema.ts").read_text(encoding="utf-8")
