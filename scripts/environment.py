"""The project's environment in .venv: made by uv where it is installed, else by Python's own venv module."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REMEDY = """Fallow's server needs Python 3.11 or later with its venv module, or uv. This is Python {version}.
On Debian or Ubuntu:  sudo apt install python3-venv
Anywhere else: install uv, or a newer Python, and run this again."""


def python(extra: str) -> str:
    """The environment's interpreter, with the packages of that extra; makes or updates it when need be."""
    facts = (ROOT / "pyproject.toml").read_bytes() + extra.encode()
    stamp = VENV / f"fallow-{extra}-{hashlib.sha256(facts).hexdigest()[:16]}"
    if not stamp.exists() or not PYTHON.exists():
        uv = shutil.which("uv")
        _make(uv)
        install = [uv, "pip", "install", "--python", PYTHON] if uv else [PYTHON, "-m", "pip", "install"]
        _run([*install, "--quiet", "--editable", f"{ROOT}[{extra}]"])
        stamp.touch()
    return str(PYTHON)


def _make(uv: "str | None") -> None:
    if PYTHON.exists():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    sys.stderr.write(f"Making the environment {VENV} ...\n")
    if uv:
        _run([uv, "venv", "--quiet", "--python", ">=3.11", VENV])
    elif sys.version_info < (3, 11) or importlib.util.find_spec("ensurepip") is None:
        sys.exit(REMEDY.format(version=sys.version.split()[0]))
    else:
        _run([sys.executable, "-m", "venv", VENV])


def _run(command: list) -> None:
    status = subprocess.call([str(part) for part in command])
    if status:
        sys.exit(f"This failed with status {status}: {' '.join(map(str, command))}")
