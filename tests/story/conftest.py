"""Encodes every clip that the chosen tests need, and prints what became of each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clips.library import CLIPS, base
from clips.maker import Clip
from story.checks import COLUMNS, Verdict
from story.observe import Observed, observe
from story.product import Made, encode

ROWS = pytest.StashKey[dict[str, dict[str, Any]]]()
Batch = Callable[..., dict[str, Made]]


@pytest.fixture(scope="session")
def batch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """Encodes all clips that chosen tests ask for in one container, once; the tests say so by their parameters."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    wanted: dict[str, set[str]] = {}
    for item in request.session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if isinstance(parameters.get("clip"), Clip):
            name = getattr(item, "originalname", item.name)
            wanted.setdefault(f"{name}-{parameters.get('container', 'mp4')}", set()).add(parameters["clip"].name)
    done: dict[str, dict[str, Made]] = {}

    def made(test: str, container: str, *options: str) -> dict[str, Made]:
        key = f"{test}-{container}"
        if key not in done:
            chosen = [clip for clip in CLIPS if clip.name in wanted[key]]
            done[key] = encode(chosen, shared / f"story-{key}", container, *options)
        return done[key]

    return made


@pytest.fixture(scope="session")
def truth() -> Callable[[Path], Observed]:
    """What is to be seen in a source; looked at once for all runs."""
    return lambda path: observe(path, base() / "truth")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Clip, str, Verdict | str], None]:
    """Puts a row into the table that is printed at the end."""

    def row(clip: Clip, container: str, verdict: Verdict | str) -> None:
        name = clip.name if container == "mp4" else f"{clip.name} to {container}"
        if isinstance(verdict, str):
            cells = {"name": name, "said": verdict}
        else:
            cells = {"name": name, "offset": f"{verdict.offset * 1000:.1f} ms"}
            cells |= {column: "; ".join(getattr(verdict, column)) for column in COLUMNS}
        record_property("story", json.dumps(cells))

    return row


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = {}


class _Collector:
    """Test reports come from other processes when tests run in parallel."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        self._rows = rows

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key, value in report.user_properties:
            if key == "story" and report.when == "call":
                cells = json.loads(str(value))
                self._rows[cells["name"]] = cells


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(_Collector(session.config.stash[ROWS]), "story-table")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    lines = _table(list(rows.values()))
    target = os.environ.get("FALLOW_STORY_TABLE")
    if target:
        Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")
    terminalreporter.write_sep("=", "every source")
    for line in lines:
        terminalreporter.write_line(line)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| source | frames | times | identity | sound offset | metadata |", "|---|---|---|---|---|---|"]
    good = 0
    for row in rows:
        if "said" in row:
            lines.append(f"| {row['name']} | {row['said']} | | | | |")
            continue
        cells = {column: row[column] or "equal" for column in COLUMNS}
        cells["sound"] = row["sound"] or row["offset"]
        good += not any(row[column] for column in COLUMNS)
        lines.append(f"| {row['name']} | " + " | ".join(cells[column] for column in COLUMNS) + " |")
    judged = sum("said" not in row for row in rows)
    return [*lines, "", f"{good} of {judged} results are exact."]
