"""Without the packages, or with wrong versions of them, a command says in one sentence what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from fallow import __version__, cli
from fallow.commands import doctor, packages
from fallow.errors import BadSetting
from fallow.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("version", "good"),
    [
        *(("18.1", True), ("18.1.0", True), ("18.10.2", True), ("18.9rc1", True)),
        *(("18.0.9", False), ("19", False), ("19.0.0", False), ("19.0.0rc1", False), ("9.3", False)),
    ],
)
def test_versions_are_compared_as_numbers(version: str, good: bool) -> None:
    assert packages.fits(version, ">=18.1,<19") is good


def test_the_versions_of_pyav_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"av{packages.PYAV}" in project["optional-dependencies"]["server"]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            None,
            "PyAV, which reads and writes media, is not installed; install it with: pip install 'fallow[server]'",
        ),
        ("19.0.0", "PyAV 19.0.0 is installed, but Fallow works with >=18.1,<19; run: pip install 'av>=18.1,<19'"),
    ],
)
@pytest.mark.parametrize("command", [["encode", "x.mp4", "-p", "720p"], ["up"]])
def test_commands_that_need_pyav_refuse_to_begin(
    command: list[str],
    version: str | None,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(packages, "version", lambda name: version)
    assert cli.run(command) == 2
    assert capsys.readouterr() == ("", f"fallow: {words}\n")


def test_a_package_that_is_found_missing_late_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'uvicorn.config'", name="uvicorn.config")

    monkeypatch.setattr("fallow.commands.up.up", broken)
    assert cli.run(["up", "--data", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "The package uvicorn is not installed; install what is needed with: pip install 'fallow[server]'" in err


def test_a_module_of_our_own_that_is_missing_is_a_fault() -> None:
    assert packages.missing(ModuleNotFoundError("x", name="fallow.nothing")) is None
    assert isinstance(packages.missing(ModuleNotFoundError("x", name="av.video")), BadSetting)


@pytest.mark.parametrize(("version", "state"), [("19.1", doctor.MISSING), ("18.1.0", doctor.GOOD)])
def test_the_doctor_looks_at_the_version_of_pyav(
    version: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "version", lambda name: version)
    found = {finding.name: finding for finding in doctor.examine(Settings(data=tmp_path))}["PyAV"]
    assert (found.state, "pip install 'av>=18.1,<19'" in found.remedy) == (state, state == doctor.MISSING)


def bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`fallow` where only Python and Fallow itself are installed."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fallow.__main__ import run; sys.exit(run())"
    command = [sys.executable, "-S", "-I", "-c", code, str(ROOT / "src"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_version_needs_nothing_but_python() -> None:
    done = bare("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fallow {__version__}\n", "")


@pytest.mark.parametrize("command", ["encode", "jobs", "doctor", "--help"])
def test_all_else_says_what_to_install(command: str) -> None:
    done = bare(command)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'fallow[server]'" in done.stderr
