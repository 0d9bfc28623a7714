"""Images built from the Dockerfiles without any registry: their base is made of Debian's packages."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.13-slim"
PATIENCE = 900  # seconds
_PACKAGES = "ca-certificates,python3.13,python3.13-venv"
_CERTIFICATES = "/etc/ssl/certs"
# As the official image has them: `python`, and pip beside it.
_BASE_FILE = """FROM scratch
ADD root.tar /
COPY pip-*.whl /tmp/
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s /usr/bin/python3.13 /usr/local/bin/python3 && \
    ln -s python3 /usr/local/bin/python && PYTHONPATH=$(ls /tmp/pip-*.whl) \
    python3 -m pip install --no-index --root-user-action=ignore /tmp/pip-*.whl && rm /tmp/pip-*.whl
"""
# Neither systemd nor the right to raise limits is needed; nor is a network.
_CONTAINERS = """[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
"""


@dataclass(frozen=True)
class Builder:
    """buildah and podman with a storage of their own."""

    folder: Path

    def prepare(self) -> None:
        """Write its configuration, and make the base unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        storage = (
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/graph"\nrunroot = "{self.folder}/run"\n'
        )
        (self.folder / "containers.conf").write_text(_CONTAINERS)
        (self.folder / "storage.conf").write_text(storage)
        (self.folder / "registries.conf").write_text('unqualified-search-registries = ["docker.io"]\n')
        (self.folder / "npmrc").write_text(f"cafile={_CERTIFICATES}/ca-certificates.crt\n")
        if self.run("buildah", "images", "--quiet", BASE, check=False).returncode:
            self._make_base()

    def build(self, kind: str) -> str:
        """An image of ours; its name."""
        name = f"localhost/fallow-{kind}:test"
        mounts = [f"{_CERTIFICATES}:{_CERTIFICATES}:ro", f"{self.folder}/npmrc:/root/.npmrc:ro"]
        self.run(
            *("buildah", "bud", "--layers", "--pull-never", "--network", "host"),
            *(part for mount in mounts for part in ("--volume", mount)),
            *("--file", str(ROOT / f"deploy/Dockerfile.{kind}"), "--tag", name, str(ROOT)),
        )
        return name

    def script(self, image: str, text: str) -> subprocess.CompletedProcess[str]:
        """Run a shell in a container as strict as those of the chart: nothing to write to but /tmp. No network."""
        strict = ["--network", "none", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"]
        strict += ["--security-opt", "no-new-privileges"]
        strict += ["--tmpfs", "/tmp:size=512m"]  # noqa: S108 - the container's
        return self.run("podman", "run", "--rm", *strict, "--entrypoint", "sh", image, "-ec", text, check=False)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        names = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        names["CONTAINERS_REGISTRIES_CONF"] = "registries.conf"
        places = {name: str(self.folder / file) for name, file in names.items()}
        done = subprocess.run(
            command, env={**os.environ, **places}, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert not (check and done.returncode), f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return done

    def _make_base(self) -> None:
        place = self.folder / "base"
        place.mkdir(exist_ok=True)
        tar = place / "root.tar"
        if not tar.exists():
            part = place / "part.tar"
            self.run("mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "trixie", str(part))
            part.rename(tar)
        self.run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(place), "pip")
        (place / "Dockerfile").write_text(_BASE_FILE)
        self.run("buildah", "bud", "--tag", BASE, str(place))
        tar.unlink()
