"""A whole platform without agents, as a process of its own, for benches that bring their own agents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fallow.client import Client

TOKEN = "bench"  # noqa: S105 - that agents join with, in the benchmark alone
UP = (sys.executable, "-m", "fallow")


@contextmanager
def platform(folder: Path, settings: Mapping[str, str], program: Sequence[str] = UP) -> Iterator[Client]:
    """`fallow up` with its data in this folder, and who talks to it."""
    log = folder / "platform.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*program, "up", "--workers", "0", "--port", "0", "--data", str(folder / "data")],
            env={**os.environ, "FALLOW_TOKEN": TOKEN, "FALLOW_LOG": "json", **settings},
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
    try:
        yield Client(_address(process, log))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("{") and (said := json.loads(line)).get("action") == "platform.up":
                return str(said["url"])
        time.sleep(0.1)
    sys.exit(f"The platform did not come up:\n{log.read_text()}")
