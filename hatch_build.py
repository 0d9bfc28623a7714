"""What pip runs to build Fallow: the web page is built and goes into the wheel as fallow/page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "web"))

import build_page as page

WITHOUT = "FALLOW_WITHOUT_PAGE"


class PageHook(BuildHookInterface):  # type: ignore[misc,type-arg]
    """An editable install finds the page in web/dist."""

    def dependencies(self) -> list[str]:
        """Node, only where the system has none that fits."""
        return [] if os.environ.get(WITHOUT) or page.find_node() else [page.PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get(WITHOUT):
            self.app.display_warning(f"{WITHOUT} is set: this Fallow has no web page.")
            return
        try:
            folder = page.build()
        except (page.CannotBuild, OSError) as error:
            self.app.abort(str(error))
        if version != "editable":
            build_data["force_include"][str(folder)] = "fallow/page"
