"""One machine: `fallow encode` against the one plain ffmpeg command that does the same, in turn, same run.

Prints ratios of wall time, the share of CPU spent outside ffmpeg, peak memory by role, and what the chunks cost
in quality (VMAF) and bits. Usage: one_machine.py [CLIP] [--profile 720p] [--runs 5] [--seconds 60]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import real_clip

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


@dataclass(frozen=True)
class Run:
    """What one command took: seconds of wall and CPU (all descendants), and what it printed."""

    wall: float
    cpu: float
    out: str
    memory: dict[str, int]  # role -> peak resident KiB


class MemoryWatch(threading.Thread):
    """Samples the peak resident size of a process tree, by role."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.peak: dict[str, int] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.25):
            for pid in descendants(self.root):
                self.note(pid)

    def note(self, pid: int) -> None:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        role = "ffmpeg" if "ffmpeg" in line.split(" ")[0] else "agent" if ".pyz" in line else "platform"
        high = next((int(x.split()[1]) for x in status.splitlines() if x.startswith("VmHWM")), 0)
        self.peak[role] = max(self.peak.get(role, 0), high)


def descendants(root: int) -> list[int]:
    """The process and everything below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def timed(command: list[str]) -> Run:
    """Run to the end; exits when the command fails."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=out, stderr=log, stdin=subprocess.DEVNULL)
        watch = MemoryWatch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        watch.done.set()
        watch.join()
        out.seek(0), log.seek(0)
        text = out.read().decode()
        if status:
            sys.exit(f"{shlex.join(command)} failed:\n{text}\n{log.read().decode()[-3000:]}")
    process.returncode = 0
    return Run(wall, usage.ru_utime + usage.ru_stime, text, watch.peak)


def vmaf(result: Path, reference: Path, size: tuple[int, int], work: Path) -> list[float]:
    """VMAF of every frame against the source scaled to the result's size."""
    log = work / "vmaf.json"
    graph = (
        f"[1:v]scale={size[0]}:{size[1]}:flags=bicubic,settb=1/25,setpts=N[r];"
        f"[0:v]settb=1/25,setpts=N[d];[d][r]libvmaf=log_fmt=json:log_path={log}:n_threads=2"
    )
    command = [FFMPEG, "-v", "error", "-i", str(result), "-i", str(reference), "-lavfi", graph, "-f", "null", "-"]
    subprocess.run(command, check=True)
    return [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text())["frames"]]


def video_bits(path: Path) -> int:
    """Bytes of the video packets alone, times eight."""
    import av

    with av.open(str(path)) as container:
        return 8 * sum(packet.size for packet in container.demux(container.streams.video[0]))


def joints(clip: Path, seconds: float) -> list[int]:
    """The display frames at which the pipeline cuts the clip."""
    from fallow.media.plan import cuts
    from fallow.media.probe import Damage, probe
    from fallow.media.reader import file_reader

    _, index = probe(file_reader(clip), Damage.REFUSE)
    return cuts(index, seconds, 2 * seconds)[1:-1]


def quality(clip: Path, ours: Path, plain: Path, size: tuple[int, int], work: Path) -> None:
    """Print VMAF (mean, worst, before the joints) and bits of both results."""
    scores = {"fallow": vmaf(ours, clip, size, work), "ffmpeg": vmaf(plain, clip, size, work)}
    before = [k for j in joints(clip, 10.0) for k in range(j - 3, j)]
    for name, values in scores.items():
        near = statistics.mean(values[k] for k in before) if before else float("nan")
        print(f"VMAF {name}: mean {statistics.mean(values):.2f}  worst {min(values):.2f}  before joints {near:.2f}")
    lost = statistics.mean(scores["ffmpeg"]) - statistics.mean(scores["fallow"])
    ratio = video_bits(ours) / video_bits(plain)
    print(f"VMAF lost {lost:+.3f}   bits {100 * (ratio - 1):+.2f} %")


def report(ours: list[Run], plain: list[Run]) -> None:
    ratios = [a.wall / b.wall for a, b in zip(ours, plain, strict=True)]
    cpu = [a.cpu / b.cpu for a, b in zip(ours, plain, strict=True)]
    print(
        f"wall fallow / ffmpeg: median {statistics.median(ratios):.3f}  ({', '.join(f'{r:.3f}' for r in ratios)})"
    )
    print(f"cpu  fallow / ffmpeg: median {statistics.median(cpu):.3f}")
    outside = []
    for run in ours:
        workers = json.loads(run.out)["workers"]
        outside.append(1 - sum(w["cpu_seconds"] for w in workers) / run.cpu)
    print(f"cpu outside ffmpeg / total: median {100 * statistics.median(outside):.1f} %")
    print("peak memory: " + "  ".join(f"{k} {v // 1024} MiB" for k, v in sorted(ours[-1].memory.items())))
    print(f"seconds: fallow {[round(r.wall, 1) for r in ours]}  ffmpeg {[round(r.wall, 1) for r in plain]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--profile", default="720p")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clip = options.clip or real_clip.make(work / "clip.mp4", options.seconds)
        ours_path, plain_path = work / "fallow.mp4", work / "ffmpeg.mp4"
        fallow = [sys.executable, "-m", "fallow", "encode", str(clip), "-p", options.profile]
        line = subprocess.run(
            [*fallow, "-o", str(plain_path), "--print-reference"], check=True, capture_output=True, text=True
        ).stdout
        print(f"reference: {line.strip()}")
        ours, plain = [], []
        for _ in range(options.runs):
            ours.append(timed([*fallow, "-o", str(ours_path), "--json"]))
            plain.append(timed(["sh", "-c", line]))
        report(ours, plain)
        facts = json.loads(ours[-1].out)["inputs"][0]["outputs"][0]
        quality(clip, ours_path, plain_path, (facts["width"], facts["height"]), work)


if __name__ == "__main__":
    main()
