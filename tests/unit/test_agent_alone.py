"""The agent needs Python 3.10 and nothing else: no site-packages, no other file than fallow-worker.pyz."""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import fallow
from fallow.worker import pack

SOURCES = Path(fallow.__file__).parent


def oldest() -> str | None:
    """A Python 3.10, where there is one: on the path, or among pyenv's."""
    found = shutil.which("python3.10")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for candidate in [found, *map(str, pyenv.glob("3.10.*/bin/python3.10"))]:
        # pyenv leaves a stand-in on the path that answers only with a complaint.
        if candidate and subprocess.run([candidate, "-V"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


PYTHONS = [
    pytest.param(sys.executable, id="this"),
    pytest.param(
        oldest(),
        id="oldest",
        marks=pytest.mark.skipif(oldest() is None, reason="There is no Python 3.10 on this machine."),
    ),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pyz") / pack.NAME
    path.write_bytes(pack.build_pyz())
    return path


@pytest.fixture(scope="module")
def fake_ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers as FFmpeg does when it is asked what it is."""
    path = tmp_path_factory.mktemp("bin") / "ffmpeg"
    path.write_text('#!/bin/sh\necho "ffmpeg version 9.9 Copyright" >&2\necho " V....D libx264  H.264"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def alone(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """-S hides site-packages, -I the environment and the working directory."""
    command = [python, "-S", "-I", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", check=False)


@pytest.mark.parametrize("python", PYTHONS)
def test_it_imports_from_the_sources(python: str) -> None:
    code = f"import sys; sys.path[:0] = [{str(SOURCES.parent)!r}]; import fallow.worker.__main__; print('yes')"
    assert alone(python, "-c", code).stdout == "yes\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_it_runs_from_the_sources_and_sees_nothing_beside_them(python: str, tmp_path: Path) -> None:
    """As the agents do that a platform starts on its own machine."""
    shutil.copytree(SOURCES, tmp_path / "fallow", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "neighbour.py").touch()
    agent = tmp_path / "fallow" / "worker" / "alone.py"
    assert alone(python, str(agent), "--version").stdout == f"fallow {fallow.__version__}\n"
    (tmp_path / "fallow" / "worker" / "options.py").write_text("import neighbour\n")
    assert "No module named 'neighbour'" in alone(python, str(agent), "--version").stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_it_runs_as_one_file(python: str, archive: Path) -> None:
    assert alone(python, str(archive), "--version").stdout == f"fallow {fallow.__version__}\n"


@pytest.mark.parametrize("python", PYTHONS)
def test_it_starts_to_work(python: str, archive: Path, fake_ffmpeg: Path) -> None:
    done = alone(python, str(archive), "ftp://nowhere", "--ffmpeg", str(fake_ffmpeg))
    assert done.returncode == 2
    assert "no http or https URL" in done.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_it_says_when_there_is_no_ffmpeg(python: str, archive: Path) -> None:
    done = alone(python, str(archive), "http://127.0.0.1:1", "--ffmpeg", "/no/such/ffmpeg")
    assert done.returncode == 1
    assert "There is no program /no/such/ffmpeg" in done.stderr


def test_it_can_be_made_executable(archive: Path) -> None:
    archive.chmod(0o755)
    done = subprocess.run([archive, "--version"], capture_output=True, text=True, check=True)
    assert fallow.__version__ in done.stdout


def test_the_same_version_makes_the_same_bytes() -> None:
    first = pack.build_pyz()
    pack.build_pyz.cache_clear()
    assert pack.build_pyz() == first


def test_the_file_holds_exactly_what_the_agent_imports() -> None:
    wanted = {"__init__.py", "worker/__main__.py"}
    todo = list(wanted)
    while todo:
        for path in imported(SOURCES / todo.pop()):
            if path not in wanted:
                wanted.add(path)
                todo.append(path)
    assert set(pack.MODULES) == wanted
    names = zipfile.ZipFile(io.BytesIO(pack.build_pyz())).namelist()
    assert names == ["__main__.py", *(f"fallow/{path}" for path in pack.MODULES)]


def imported(path: Path) -> set[str]:
    """The files of this package that a module imports, packages' own included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == "fallow":
            found |= {"/".join([*parts[1:end], "__init__.py"]) for end in range(1, len(parts) + 1)}
            found.add("/".join(parts[1:]) + ".py")
    return {file for file in found if (SOURCES / file).is_file()}


# They say what to do now, and once.
DEEDS = ("help", "version", "parent_pipe", "install_service", "uninstall_service", "trial")


def test_every_flag_has_an_environment_twin() -> None:
    from fallow.worker.__main__ import parser

    for action in parser()._actions:
        short = action.nargs == 0  # for what another flag says
        if action.option_strings and action.dest not in DEEDS and not short:
            assert re.search(r"\(FALLOW_[A-Z_]+\)$", action.help or ""), action.dest
