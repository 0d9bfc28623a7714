"""What is in an image, as CycloneDX JSON on stdout: the Python packages, and the FFmpeg program if there is one."""

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions

SOURCES = "https://git.ffmpeg.org/ffmpeg.git"


def package(found: Distribution) -> dict:
    """A Python package."""
    name, facts = found.metadata["Name"], found.metadata
    said = facts.get("License-Expression") or facts.get("License") or ""
    licence = said.strip().splitlines()[0] if said.strip() else "see its metadata"
    return {
        "type": "library",
        "name": name,
        "version": found.version,
        "purl": f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{found.version}",
        "licenses": [{"license": {"name": licence}}],
    }


def ffmpeg(program: str) -> dict:
    """The program, under the licence that its own options ask for."""
    told = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    version = told.split()[2]
    licence = "LGPL" if "--enable-gpl" not in told else "GPL"
    number = "3.0-or-later" if "--enable-version3" in told else {"GPL": "2.0-or-later"}.get(licence, "2.1-or-later")
    return {
        "type": "application",
        "name": "ffmpeg",
        "version": version,
        "licenses": [{"license": {"id": f"{licence}-{number}"}}],
        "externalReferences": [{"type": "vcs", "url": SOURCES, "comment": re.sub(r".*-g", "commit ", version)}],
        "properties": [{"name": "configuration", "value": re.search(r"configuration: (.*)", told)[1].strip()}],
    }


if __name__ == "__main__":
    things = [package(found) for found in sorted(distributions(), key=lambda d: d.metadata["Name"].lower())]
    things += [ffmpeg(program) for program in sys.argv[1:]]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": things}
    json.dump(bill, sys.stdout, indent=1)
