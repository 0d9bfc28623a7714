"""Scaling: how much of the speed of 2 to 64 agents becomes speed of a job.

A whole platform in one process, and real agents as processes of their own that speak HTTP to it; only their FFmpeg
is bench/sleeping_encoder.py, which has a fixed rate and uses no processor, so that many "machines" fit into one.
The job's chunks are real, and so are the parts, which the platform looks at and joins as always.

Each run is one job, from the begin of its upload to its end, over the least time that it could take:
  equal   agents of one speed: total work / total speed. This is the published measure: speed-up / machines.
  spread  speeds from 1 to 10, evenly on a logarithmic scale, and a share of all leases is abandoned midway, without
          a word (the agent is killed, and a new one of the same speed comes): the greater one of
          total work / total speed and longest chunk / fastest agent. Once with rivals for slow attempts, as it
          comes, and once without. Its clip is ten times as slow, so that a chunk is as long as it is in use; and it
          is cut when it is whole, so that the last chunks become shorter, as they do there.

A stand-in counts its time from the start of its process. The work grows with the agents, so that every run takes
about as long.
Usage: scaling.py [--agents 2 4 8 16 64] [--spread 16] [--rounds 15] [--seconds 10] [--lost 8] [--runs 1]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import imageio_ffmpeg
from whole_platform import TOKEN, platform

from fallow.client import Client, JobView
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from fallow.profiles import Audio, Profile
from fallow.worker.pack import build_pyz

HERE = Path(__file__).parent
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
FRAMES = 25  # of each chunk
WIDTH, HEIGHT = 160, 90
# Fine grain, so that a part has some 100 KB: agents see it come out piece by piece, as of a real encoder.
PICTURE = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25,noise=alls=60:allf=t:all_seed=1,setpts=PTS*{{slow}}"


@dataclass(frozen=True)
class Trial:
    """One run of one kind."""

    name: str
    rates: tuple[float, ...]  # of the agents, in frames a second
    chunks: int
    lost: float = 0.0  # of 100 attempts
    slow: int = 1  # seconds that a chunk of the clip lasts: chunks of one second are never cut shorter
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def floor(self) -> float:
        """Seconds that the job takes at least."""
        return max(self.chunks * FRAMES / sum(self.rates), FRAMES / max(self.rates))


@dataclass(frozen=True)
class Outcome:
    """What a run took."""

    seconds: float
    encoding: float  # from the first lease of a chunk to the last delivery
    outcomes: Counter[str]  # of the attempts at chunks
    wasted: float  # seconds of attempts that came to nothing / of those that counted
    cpu: float  # share of this machine's processors that was busy


class Workshop:
    """A folder with clips, parts and the stand-in, for all trials."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "fallow-worker.pyz"
        self.archive.write_bytes(build_pyz())
        self.encoder = folder / "ffmpeg"
        program = f"#!/bin/sh\nexec '{sys.executable}' -S -I '{HERE / 'sleeping_encoder.py'}' \"$@\"\n"
        self.encoder.write_text(program)
        self.encoder.chmod(0o755)
        self.parts = folder / "parts"
        self.parts.mkdir()

    def clip(self, chunks: int, slow: int) -> Path:
        # An MP4's index comes last, so it is cut when its end is known; MPEG-TS is cut while it is uploaded.
        path = self.folder / f"{chunks}-{slow}.{'ts' if slow == 1 else 'mp4'}"
        if not path.exists():
            command = [
                FFMPEG,
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                PICTURE.format(slow=slow),
                "-frames:v",
                str(chunks * FRAMES),
                "-r",
                f"{FRAMES}/{slow}",
                "-pix_fmt",
                "yuv420p",
            ]
            command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(FRAMES), "-bf", "0", str(path)]
            subprocess.run(command, check=True)
        return path


def environment(shop: Workshop, rate: float, lost: float = 0.0, attempts: Path | None = None) -> dict[str, str]:
    told = {"FALLOW_TOKEN": TOKEN, "FALLOW_LOG": "off", "BENCH_FFMPEG": FFMPEG, "BENCH_PARTS": str(shop.parts)}
    told |= {"BENCH_RATE": str(rate)}
    if lost and attempts:
        told |= {"BENCH_ATTEMPTS": str(attempts), "BENCH_LOST": str(lost)}
    return {**os.environ, **told}


class Agents:
    """One process for each rate. One that is killed is replaced at once, as devices come and go."""

    def __init__(self, shop: Workshop, url: str, trial: Trial, attempts: Path) -> None:
        program = [sys.executable, "-S", "-I", str(shop.archive), url, "--slots", "1", "--threads", "1"]
        self._command = [*program, "--ffmpeg", str(shop.encoder), "--parent-pipe"]
        self._environments = [environment(shop, rate, trial.lost, attempts) for rate in trial.rates]
        self._ended = threading.Event()
        self._processes = [self._start(number) for number in range(len(trial.rates))]
        self._keepers = [threading.Thread(target=self._keep, args=(n,)) for n in range(len(trial.rates))]
        for keeper in self._keepers:
            keeper.start()

    def end(self) -> None:
        self._ended.set()
        for keeper in self._keepers:
            keeper.join()

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._command, "--name", f"agent-{number}"],
            env=self._environments[number],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def _keep(self, number: int) -> None:
        while not self._ended.wait(0.02):
            if self._processes[number].poll() is not None:
                self._processes[number] = self._start(number)
        self._processes[number].kill()
        self._processes[number].wait()


def run(shop: Workshop, trial: Trial) -> Outcome:
    clip = shop.clip(trial.chunks, trial.slow)
    with tempfile.TemporaryDirectory(dir=shop.folder) as place, ExitStack() as stack:
        folder = Path(place)
        attempts = folder / "attempts"
        attempts.mkdir()
        client = stack.enter_context(platform(folder, trial.settings))
        agents = Agents(shop, client.url, trial, attempts)
        stack.callback(agents.end)
        while len(client.workers()) < len(trial.rates):
            time.sleep(0.1)
        time.sleep(1.0)  # until the last one asks for work
        busy = idle_seconds()
        begun = time.time()
        view = submit(client, clip, trial.slow)
        view = client.wait(view.id, lambda _: None, 1.0)
        if view.state != "done":
            sys.exit(f"The job is {view.state}: {view.error}")
        cores = len(os.sched_getaffinity(0))
        cpu = 1 - (idle_seconds() - busy) / cores / (time.time() - begun)
        return outcome(client, view, begun, cpu)


def submit(client: Client, clip: Path, slow: int) -> JobView:
    profile = Profile("bench", width=WIDTH, height=HEIGHT, preset="ultrafast", audio=Audio("none"))
    # A chunk is a key frame distance of the clip: but for those at a tapered end, all have as many frames.
    job = client.create(clip.name, [to_wire(profile)], Options("mpegts", float(slow)).asked)
    return client.upload(job.id, clip)


def outcome(client: Client, view: JobView, begun: float, cpu: float) -> Outcome:
    tasks = client._call("GET", f"/api/v1/jobs/{view.id}/tasks")["tasks"]
    attempts = [attempt for task in tasks if task["kind"] == "video" for attempt in task["attempts"]]
    spent: Counter[str] = Counter()
    for attempt in attempts:
        spent[attempt["outcome"]] += (attempt["ended"] or view.updated) - attempt["started"]
    delivered = [attempt for attempt in attempts if attempt["outcome"] == "delivered"]
    encoding = max(a["ended"] for a in delivered) - min(a["started"] for a in attempts)
    wasted = 1 - spent["delivered"] / sum(spent.values())
    outcomes = Counter(attempt["outcome"] for attempt in attempts)
    return Outcome(view.updated - begun, encoding, outcomes, wasted, cpu)


def idle_seconds() -> float:
    """Of all processors, since the machine runs; they may serve others, too."""
    idle = int(Path("/proc/stat").read_text().split()[4])
    return idle / os.sysconf("SC_CLK_TCK")


def warmed(shop: Workshop, trial: Trial) -> Trial:
    """The same without pauses and losses: to have every part that the trial needs made."""
    return Trial("warm-up", (1e6,) * len(trial.rates), trial.chunks, slow=trial.slow)


def trials(options: argparse.Namespace) -> Iterator[Trial]:
    rate = FRAMES / options.seconds
    for count in options.agents:
        yield Trial(f"equal, {count} agents", (rate,) * count, options.rounds * count)
    for count in options.spread:
        shape = [10 ** (-place / (count - 1)) for place in range(count)]
        rates = tuple(rate * count * one / sum(shape) for one in shape)  # together as fast as equal ones
        chunks = options.rounds * count
        patience = {"FALLOW_LEASE_SECONDS": f"{min(30.0, 3 * options.seconds):g}"}  # as it comes, or less
        for way, more in HEDGING.items():
            yield Trial(f"spread, {count} agents, {way}", rates, chunks, options.lost, SLOW, {**patience, **more})


SLOW = 10  # as long as chunks usually are
HEDGING: dict[str, dict[str, str]] = {"hedged": {}, "not hedged": {"FALLOW_HEDGE": "0"}}


def report(name: str, trial: Trial, outcomes: Sequence[Outcome]) -> None:
    ratio = statistics.median(found.seconds for found in outcomes) / trial.floor
    encoding = statistics.median(found.encoding for found in outcomes) / trial.floor
    each = ", ".join(f"{found.seconds / trial.floor:.3f}" for found in outcomes)
    last = outcomes[-1]
    told = f"{name:32}{trial.chunks:>7}{trial.floor:>9.1f}{ratio:>10.3f}{100 / ratio:>8.1f} %{encoding:>10.3f}"
    ends = ", ".join(f"{count} {how or 'unfinished'}" for how, count in last.outcomes.most_common())
    print(f"{told}{100 * last.wasted:>8.1f} %{100 * last.cpu:>6.0f} %   {each}   {ends}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, nargs="*", default=[2, 4, 8, 16, 64], help="of equal speed")
    parser.add_argument("--spread", type=int, nargs="*", default=[16], help="of speeds from 1 to 10")
    parser.add_argument("--rounds", type=int, default=15, help="chunks for each agent")
    parser.add_argument("--seconds", type=float, default=10.0, help="that an agent takes for a chunk")
    parser.add_argument("--lost", type=float, default=8.0, help="leases of 100 that are abandoned")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Asked to end."))  # so that what was started ends, too
    head = f"{'':32}{'chunks':>7}{'floor s':>9}{'s/floor':>10}{'speed':>10}{'encoding':>10}{'wasted':>10}{'CPU':>8}"
    with tempfile.TemporaryDirectory() as place:
        shop = Workshop(Path(place))
        print(head)
        for trial in trials(options):
            run(shop, warmed(shop, trial))
            report(trial.name, trial, [run(shop, trial) for _ in range(options.runs)])


if __name__ == "__main__":
    main()
