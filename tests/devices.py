"""Devices made of files: what a kernel shows of power, heat and load, and programs that answer like a phone's."""

from __future__ import annotations

import os
from pathlib import Path


class Device:
    """A folder that stands for the root of a system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: object) -> None:
        """As a whole: nobody reads half of it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.new")
        part.write_text(f"{text}\n")
        part.replace(path)

    def supply(self, name: str, **facts: object) -> None:
        for key, value in facts.items():
            self.write(f"sys/class/power_supply/{name}/{key}", value)

    def plug_in(self) -> None:
        self.supply("AC", type="Mains", online=1)
        self.supply("BAT0", type="Battery", status="Charging", capacity=95, temp=300)

    def unplug(self) -> None:
        self.supply("BAT0", status="Discharging")
        self.supply("AC", online=0)


def program(folder: Path, name: str, script: str) -> None:
    """Put a program on the path that is this folder."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.new"
    part.write_text(f"#!/bin/sh\n{script}\n")
    part.chmod(0o755)
    os.replace(part, path)
