"""Fallow as a contestant of bench/dispatch.py: gateways, agents that do nothing, a job whose tasks are queued."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from dispatch_contest import HERE, Contest, Rate, Servers, all_of, running

from fallow import settings, wiring
from fallow.data_folder import DataFolder
from fallow.messages import to_wire
from fallow.model import Colour, JobState, TaskKind
from fallow.pipeline import admission, dispatch
from fallow.pipeline.context import Context
from fallow.recipe import Encoder, VideoRecipe
from fallow.records import Job, Rendition, TaskSpec
from servers import free_ports, listens

TOKEN = "bench"  # noqa: S105 - that agents join with, in the benchmark alone
JOB, RENDITION = "bench", "720p"
FRAMES, WIDTH, HEIGHT = 12, 64, 36  # of the part that every agent delivers
DONE = "SELECT COUNT(*) FROM tasks WHERE state = 'done'"


@dataclass(frozen=True)
class Setup:
    """How a run is made."""

    gateways: int
    agents: int
    tasks: int
    put: bool = False  # upload each part through the gateway, too
    profile: str = ""  # file for what cProfile sees
    most: int = 1  # tasks that an agent asks for in one lease


def run(setup: Setup, servers: Servers, work: Path) -> Rate:
    database, part = servers.database.database(), work / "part.ts"
    if not part.exists():
        make_part(part)
    environment = _environment(servers, database, work)
    program = [sys.executable, "-m", "fallow"]
    subprocess.run([*program, "migrate"], env={**os.environ, **environment}, check=True, capture_output=True)
    if setup.profile:
        program = [sys.executable, "-m", "cProfile", "-o", setup.profile, "-m", "fallow"]
    ports = free_ports(setup.gateways)
    gateways = (
        running([*program, "serve", "gateway", "--port", str(port)], environment, work / f"gateway-{port}.log")
        for port in ports
    )
    with all_of(gateways) as processes:
        for port in ports:
            _await(port)
        enqueued = setup.tasks / asyncio.run(prepare(environment, setup.tasks))
        store = "-" if setup.put else f"{work}/blobs-{database}"
        with all_of(_crew(port, setup, part, store) for port in ports) as crews:
            _begin(crews)
            roles = {"itself": [one.pid for one in processes], "agents": [one.pid for one in crews]}
            rate = Contest(roles, servers, database, DONE).measured(setup.tasks, enqueued)
            notes = {"transactions a task": _transactions(ports, setup.tasks)}
            told = [json.loads(crew.communicate("\n")[0]) for crew in crews]
    assert sum(crew["first"] for crew in told) == setup.tasks, told
    return dataclasses.replace(rate, notes={**notes, "agents": told})


def _environment(servers: Servers, database: str, work: Path) -> dict[str, str]:
    return {
        "FALLOW_QUEUE_URL": servers.broker.url,
        "FALLOW_LEDGER_URL": servers.database.url(database),
        "FALLOW_STORE_URL": f"file://{work}/blobs-{database}",
        "FALLOW_SECRET": "a secret of the benchmark alone",
        "FALLOW_TOKEN": TOKEN,
        "FALLOW_LOG": "off",
    }


def _crew(port: int, setup: Setup, part: Path, store: str) -> Any:
    count = str(setup.agents // setup.gateways)
    script = [sys.executable, str(HERE / "noop_agents.py"), f"http://127.0.0.1:{port}"]
    return running(
        [*script, TOKEN, count, str(part), store, str(setup.most)], {}, part.with_name(f"agents-{port}.log")
    )


def _begin(crews: Sequence[Any]) -> None:
    for crew in crews:
        assert crew.stdout.readline() == "ready\n"
    for crew in crews:
        crew.stdin.write("go\n")
        crew.stdin.flush()


def _transactions(ports: Sequence[int], tasks: int) -> dict[str, float]:
    """Of the ledger, by what they did."""
    found: Counter[str] = Counter()
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            counts = re.findall(r'fallow_ledger_seconds_count{operation="(\w+)"} (\S+)', answer.read().decode())
        found.update({operation: float(count) for operation, count in counts})
    return {operation: round(count / tasks, 3) for operation, count in found.most_common()}


def _await(port: int) -> None:
    end = time.monotonic() + 60
    while not listens(port):
        assert time.monotonic() < end
        time.sleep(0.1)


async def prepare(environment: dict[str, str], tasks: int) -> float:
    """A job whose tasks are all in the queue; how many seconds it took to put them there."""
    made = settings.load({}, environment, Path("none"))
    with tempfile.TemporaryDirectory() as folder:
        ends = await wiring.connect(made, DataFolder.open(Path(folder)))
        clock = wiring.SystemClock()
        ctx = Context(ends.queue, ends.store, ends.ledger, clock, None, wiring.policy(made))  # type: ignore[arg-type]
        try:
            return await _queue(ctx, tasks)
        finally:
            await ends.close()


async def _queue(ctx: Context, tasks: int) -> float:
    ledger, now = ctx.ledger, ctx.clock.now()
    rendition = Rendition(JOB, RENDITION, {"name": RENDITION})
    job = Job(JOB, "film", JobState.UPLOADING, now, now, {}, "jobs/bench/source", None, (rendition,), "", "")
    await ledger.create_job(job)
    # The job stays with the splitter, as when a long source is still being cut.
    await ledger.plan([dispatch.aside(JOB, TaskKind.SPLIT, "")])
    (lane,) = await ledger.line_up(JOB, "", "normal")
    (split,) = await ledger.top_up(lane, 1)
    assert await ledger.lease(split.id, "split", "bench", now + 86400, now + 86400)
    chunk = await ctx.store.put("jobs/bench/chunks/00000.split.ts", b"chunk")
    recipe, work = to_wire(_recipe()), (chunk.key, chunk.size, "0" * 64, FRAMES, 1.0)
    specs = [TaskSpec(JOB, TaskKind.VIDEO, RENDITION, n, recipe, *work) for n in range(tasks)]
    begun = time.monotonic()
    for first in range(0, tasks, 500):
        await ledger.plan(specs[first : first + 500])
    (lane,) = await ledger.line_up(JOB, "", "normal")
    admitted = await ledger.top_up(lane, tasks)
    assert len(admitted) == tasks
    await asyncio.gather(*(admission.announce(ctx, job, admitted[n::50]) for n in range(50)))
    took = time.monotonic() - begun
    await ledger.move_job(JOB, JobState.SPLITTING)
    return took


def _recipe() -> VideoRecipe:
    return VideoRecipe(
        container="mpegts",
        output="mpegts",
        frames=FRAMES,
        start=Fraction(0),
        end=Fraction(100),
        guard=0,
        context_start=None,
        context_end=None,
        deinterlace=False,
        rotation=0,
        width=WIDTH,
        height=HEIGHT,
        scaled=True,
        sample_aspect=Fraction(1),
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        encoder=Encoder("libx264", "yuv420p", "medium", 250, crf=23.0, maxrate=4_000_000, bufsize=8_000_000),
        colour=Colour(),
    )


def make_part(path: Path) -> None:
    """A real one, but small: the gateway looks at every packet of it."""
    source = f"testsrc=size={WIDTH}x{HEIGHT}:rate=25"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-frames:v", str(FRAMES), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mpegts", str(path)]
    subprocess.run(command, check=True)
