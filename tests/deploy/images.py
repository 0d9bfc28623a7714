"""Images built from the Dockerfiles without any registry: their base is made of Debian's packages."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
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

# As the chart has them: no root, no rights, nothing to write to but /tmp.
_STRICT = ["podman", "run", "--rm", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"]
_STRICT += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=512m"]  # noqa: S108 - the container's


@dataclass(frozen=True)
class Builder:
    """buildah and podman with a storage of their own."""

    folder: Path

    def prepare(self) -> None:
        """Write its configuration, and make the base unless it is there."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
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

    def script(self, image: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a shell in a container that has no network."""
        return self.run(
            *_STRICT, "--network", "none", *options, "--entrypoint", "sh", image, "-ec", text, check=False
        )

    @contextlib.contextmanager
    def container(self, image: str, *arguments: str, secrets: Path, **variables: str) -> Iterator[str]:
        """A service in a container, with this machine's network, and files of secrets; its name."""
        name = f"fallow-{uuid.uuid4().hex[:12]}"
        given = [part for key, value in variables.items() for part in ("--env", f"{key}={value}")]
        self.run(
            *(*_STRICT, "--detach", "--network", "host", "--name", name, *given),
            *("--volume", f"{secrets}:/run/secrets/fallow:ro", image, *arguments),
        )
        try:
            yield name
        finally:
            self.run("podman", "rm", "--force", "--time", "5", name, check=False)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        names = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        names["CONTAINERS_REGISTRIES_CONF"] = "registries.conf"
        places = {name: str(self.folder / file) for name, file in names.items()}
        places["TMPDIR"] = str(self.folder / "tmp")  # where buildah keeps what RUN asks to be cached
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
