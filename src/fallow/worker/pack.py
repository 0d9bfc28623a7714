"""The agent as one file, fallow-worker.pyz: what a phone or a PC downloads and runs."""

from __future__ import annotations

import io
import pkgutil
import zipfile
from functools import lru_cache

MODULES = (
    "__init__.py",
    "catalogue.py",
    "device/__init__.py",
    "device/asking.py",
    "device/files.py",
    "device/kind.py",
    "device/load.py",
    "device/meters.py",
    "device/network.py",
    "device/power.py",
    "device/presence.py",
    "device/programs.py",
    "device/sensing.py",
    "device/share.py",
    "device/thermal.py",
    "device/windows.py",
    "errors.py",
    "ffmpeg/__init__.py",
    "ffmpeg/commands.py",
    "ffmpeg/counting.py",
    "ffmpeg/encoders.py",
    "ffmpeg/faults.py",
    "ffmpeg/graphs.py",
    "ffmpeg/halt.py",
    "ffmpeg/locate.py",
    "ffmpeg/process.py",
    "ffmpeg/quality.py",
    "ffmpeg/run.py",
    "ffmpeg/trial.py",
    "ffmpeg/words.py",
    "log.py",
    "messages.py",
    "model.py",
    "recipe.py",
    "worker/__init__.py",
    "worker/__main__.py",
    "worker/agent.py",
    "worker/attempt.py",
    "worker/calibration.py",
    "worker/connection.py",
    "worker/divided.py",
    "worker/download.py",
    "worker/energy.py",
    "worker/gate.py",
    "worker/hours.py",
    "worker/kept.py",
    "worker/machine.py",
    "worker/means.py",
    "worker/options.py",
    "worker/own_file.py",
    "worker/pace.py",
    "worker/part.py",
    "worker/patience.py",
    "worker/pause.py",
    "worker/plain_toml.py",
    "worker/rules.py",
    "worker/sender.py",
    "worker/senses.py",
    "worker/sentry.py",
    "worker/service.py",
    "worker/service_forms.py",
    "worker/slot.py",
    "worker/source.py",
    "worker/status.py",
    "worker/stopping.py",
    "worker/stream.py",
    "worker/traffic.py",
    "worker/unit.py",
    "worker/update.py",
    "worker/upload.py",
    "worker/ways.py",
)
"""All that the agent imports; a test holds this."""

NAME = "fallow-worker.pyz"
SHEBANG = b"#!/usr/bin/env python3\n"
ENTRY = b'"""The agent."""\n\nimport sys\n\nfrom fallow.worker.__main__ import main\n\nsys.exit(main())\n'
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip file can hold


@lru_cache(maxsize=1)
def build_pyz() -> bytes:
    """The same bytes from the same version, so that a gateway's replicas agree on its digest."""
    body = io.BytesIO()
    body.write(SHEBANG)
    with zipfile.ZipFile(body, "a", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", ENTRY)
        for path in MODULES:
            _add(archive, f"fallow/{path}", _source(path))
    return body.getvalue()


def _source(path: str) -> bytes:
    data = pkgutil.get_data("fallow", path)
    if data is None:
        raise FileNotFoundError(f"The module fallow/{path} cannot be read where this package is installed.")
    return data


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, compresslevel=9)
