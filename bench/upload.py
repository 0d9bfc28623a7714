"""Uploads over a bad line: a source is sent whose line is cut at random, and whose gateway is killed at times.

A third of the cuts are lost connections, a third connections that fall silent, as when a laptop is closed, and a
third kill the gateway with SIGKILL. Said is whether what came is what was sent, how much more went over the line
than there was to send, and how much memory the gateway took; the same for a line that is never cut.
Usage: upload.py [--gib 2] [--cuts 20] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from cluster.uploading import MIB, Report, trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    size = int(asked.gib * 1024) * MIB
    return max(told(size, cuts, asked.seed) for cuts in (asked.cuts, 0))


def told(size: int, cuts: int, seed: int) -> int:
    """One trial; its exit code."""
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        begun = time.monotonic()
        report = trial(Path(folder), size, cuts, seed)
        seconds = time.monotonic() - begun
    show(report, seconds)
    return 0 if report.same and len(report.cuts) == cuts else 1


def show(report: Report, seconds: float) -> None:
    ways = ", ".join(f"{report.cuts.count(way)} x {way}" for way in sorted(set(report.cuts))) or "none"
    print(f"{report.size / MIB:.0f} MiB, cuts: {ways}; the client noticed {report.lost} times")
    print(f"  what came is {'what was sent' if report.same else 'SOMETHING ELSE'}; {seconds:.1f} s in all")
    print(f"  sent twice: {(report.sent - report.size) / report.size:.1%}")
    print(f"  memory of the gateway: {report.before / MIB:.0f} MiB before, {report.peak / MIB:.0f} MiB at most")


if __name__ == "__main__":
    sys.exit(main())
