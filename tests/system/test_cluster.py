"""Every service a process of its own, on RabbitMQ, Galera and S3: exact, and hard to kill."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import family
from sending import Sending
from watching import decoded

from clips.maker import Maker, Picture, Sound
from cluster.backends import Backends
from cluster.process import status
from cluster.services import API_TOKEN, STOP_SECONDS, Layout, Services
from cluster.work import Door, Order, examine, profile
from cluster.work import order as any_order
from fallow.commands import remote
from fallow.messages import to_wire
from fallow.pipeline.job_options import Options
from paced import paced

LOST = "The worker was lost."  # and not: it was not heard of until its lease ran out
SMALL = (profile("240p", "preset=ultrafast"),)
# Work for as many seconds as the source is long, which is told from all other work by its preset.
SLOW = (profile("240p", "preset=faster"),)
# Work for a ninth of that, when three share it.
STEADY = (profile("240p", "preset=fast"),)
PATIENCE = 180.0  # seconds, for machines that do much else


@pytest.fixture(scope="module")
def services(backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Leases last longer than any test: nothing here waits for one to run out."""
    folder = tmp_path_factory.mktemp("services")
    ffmpeg = paced({"-preset:v faster": 1.0, "-preset:v fast": 3.0})
    settings = {"FALLOW_LEASE_SECONDS": "600", "FALLOW_FFMPEG": ffmpeg}
    with Services(folder, backends.fresh(), Layout(agent=1), settings) as services:
        yield services


@pytest.fixture
def door(services: Services) -> Door:
    """Everything is up at the beginning of a test."""
    services.revive()
    return Door(services.gateways, API_TOKEN)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many frames that splitting and joining them takes a while."""
    folder = tmp_path_factory.mktemp("long")
    fast = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-g", "250", "-c:a", "aac")
    return Maker(folder).encode(folder / "long.mkv", Picture(count=2000), [Sound(seconds=80.0)], *fast)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many bytes that they come in several pieces: most of them are filler."""
    folder = tmp_path_factory.mktemp("large")
    filled = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-x264-params", "nal-hrd=cbr")
    rate = ("-b:v", "20M", "-maxrate", "20M", "-bufsize", "2M", "-c:a", "aac")
    return Maker(folder).encode(folder / "large.mkv", Picture(count=200), [Sound(seconds=8.0)], *filled, *rate)


@pytest.fixture
def order(request: pytest.FixtureRequest) -> Callable[..., Order]:
    """A job that is of this test alone."""

    def made(source: Path, *profiles: Any, seconds: float) -> Order:
        return Order(request.node.name, source, profiles, Options("mp4", seconds))

    return made


@pytest.fixture
def short() -> Path:
    return any_order(0, random.Random(0), "").source


def ended(door: Door, job: str) -> None:
    until(lambda: door.view(job).ended, PATIENCE)


def running(door: Door, services: Services, job: str, kind: str) -> tuple[str, str]:
    """Wait for a task of that kind to be worked on; the task and the process that does."""
    found = until(lambda: [task for task in door.view(job).tasks_running if task.kind == kind], PATIENCE)[0]
    return found.task, services.of(found.worker)


def until(look: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "It did not come to pass."
        time.sleep(0.02)
    return found


def encodes(pid: int) -> bool:
    """Whether a process has begun to encode pictures."""
    return any(b"\x000:v:0\0" in command(child) for child in family(pid))


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def attempts(door: Door, job: str, task: str) -> list[tuple[str, str]]:
    """How each ended, and what was said of it."""
    found = next(one for one in door.tasks(job) if one["task"] == task)
    return [(attempt["outcome"], attempt["error"]) for attempt in found["attempts"]]


def test_results_are_exact(services: Services, door: Door, tmp_path: Path) -> None:
    """Sources of several kinds at once, submitted as people do."""
    jobs = []
    dice = random.Random(1)
    for number in range(4):
        order = any_order(number, dice, "exact")
        command = [sys.executable, "-m", "fallow", "submit", str(order.source), "--token", API_TOKEN]
        command += ["--server", services.gateways[number % 2], "--priority", order.options.priority]
        command += ["--container", order.options.container, "--chunk-seconds", "1", "--key", order.key]
        command += [word for one in order.profiles for word in ("-p", one.name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        jobs.append((order, done.stdout.strip()))
    assert len({job for _, job in jobs}) == 4
    for order, job in jobs:
        assert order.submit(door) == job
        ended(door, job)
        result = examine(door, order, job, tmp_path)
        assert result.faults == []
        # The last tasks may have been done by two, of whom one was first.
        assert {outcome for _, outcome in result.outcomes} - {"late", "cancelled"} == {"delivered"}


def test_a_killed_workers_task_is_at_another_at_once(
    services: Services, door: Door, order: Callable[..., Order], short: Path, tmp_path: Path
) -> None:
    services.processes["agent-1"].kill()
    wanted = order(short, *SLOW, seconds=30.0)
    job = wanted.submit(door)
    task, process = running(door, services, job, "video")
    services.processes[process].kill()
    ended(door, job)
    assert attempts(door, job, task) == [("expired", LOST), ("delivered", "")]
    assert examine(door, wanted, job, tmp_path).faults == []


@pytest.mark.parametrize(("kind", "role"), [("split", "splitter"), ("join", "joiner")])
def test_a_killed_splitter_or_joiner_is_made_up_for(
    services: Services, door: Door, order: Callable[..., Order], long: Path, tmp_path: Path, kind: str, role: str
) -> None:
    wanted = order(long, *SMALL, seconds=30.0)
    job = wanted.submit(door)
    task, process = running(door, services, job, kind)
    assert process == f"{role}-1"
    services.processes[process].kill()
    services.processes[process].restart()
    ended(door, job)
    # A splitter may have looked at what had come of the source before, and put it off.
    tried = [one for one in attempts(door, job, task) if not one[1].startswith("waits for ")]
    assert tried == [("expired", LOST), ("delivered", "")]
    assert examine(door, wanted, job, tmp_path).faults == []


@pytest.mark.parametrize("name", ["gateway-1", "splitter-1"])
def test_who_is_killed_while_a_source_comes_is_made_up_for(
    services: Services, door: Door, order: Callable[..., Order], large: Path, tmp_path: Path, name: str
) -> None:
    """A gateway takes the upload along, which is sent to the other one; a splitter its task alone."""
    wanted = order(large, *SMALL, seconds=1.0)
    names, options = [to_wire(one) for one in wanted.profiles], wanted.options.asked
    job = door.ask(lambda client: client.create(wanted.source.name, names, options, wanted.key)).id
    with Sending(services.gateways[0], job, wanted.source, API_TOKEN) as sending:
        sending.upto(0.9)
        until(lambda: door.view(job).renditions[0].chunks_total, PATIENCE)
        services.processes[name].kill()
        if name == "splitter-1":
            services.processes[name].restart()
            assert sending.end()[0] == 200
    assert wanted.submit(door) == job
    ended(door, job)
    assert examine(door, wanted, job, tmp_path).faults == []
    (split,) = [task["task"] for task in door.tasks(job) if task["kind"] == "split"]
    assert {outcome for outcome, _ in attempts(door, job, split)} <= {"expired", "cancelled", "delivered"}


def test_a_joiner_that_is_killed_while_a_stream_grows_is_gone_on_from(
    services: Services, door: Door, request: pytest.FixtureRequest, long: Path, tmp_path: Path
) -> None:
    """What was there to be played before stays as it was, file by file."""
    options = Options("hls", 5.0, segment_seconds=5.0)
    job = Order(request.node.name, long, (*SMALL,), options).submit(door)
    kept = until(lambda: segments(door, job), PATIENCE)
    services.processes["joiner-1"].kill()
    services.processes["joiner-1"].restart()
    ended(door, job)
    assert (view := door.view(job)).state == "done", view.error
    made = segments(door, job)
    assert {name: made[name] for name in kept} == kept
    joins = [task["task"] for task in door.tasks(job) if task["kind"] == "join"]
    assert [outcome for outcome, _ in attempts(door, job, joins[0])].count("delivered") == 1
    front = door.ask(lambda client: remote.download(client, job, [], tmp_path))[0]
    assert decoded(front.parent / "video" / "240p" / "index.m3u8") == 2000


def segments(door: Door, job: str) -> dict[str, str]:
    """The digests of what there is of a stream that never changes."""
    files = door.ask(lambda client: client.files(job))
    return {file["name"]: file["sha256"] for file in files if file["name"].endswith((".m4s", ".mp4"))}


def test_a_remote_worker_outlives_its_gateway(
    services: Services, door: Door, order: Callable[..., Order], short: Path, tmp_path: Path
) -> None:
    """People are served by the other gateway meanwhile; the worker delivers what it was at under the same lease."""
    for name in ("worker-1", "worker-2"):
        services.processes[name].kill()
    wanted = order(short, *SLOW, seconds=30.0)
    job = wanted.submit(door)
    task, process = running(door, services, job, "video")
    assert process == "agent-1"
    # A grant that a gateway has not sent yet is lost with it, and waits for its lease to run out.
    until(lambda: '"lease.begin"' in (log := services.processes[process].log()) and task in log, PATIENCE)
    gateway = services.processes["gateway-1"]
    gateway.kill()
    assert task in {one.task for one in door.view(job).tasks_running}
    gateway.restart()
    ended(door, job)
    assert attempts(door, job, task) == [("delivered", "")]
    assert examine(door, wanted, job, tmp_path).faults == []


def test_a_killed_sweeper_is_not_missed(
    services: Services, door: Door, order: Callable[..., Order], short: Path, tmp_path: Path
) -> None:
    services.processes["sweeper-1"].kill()
    wanted = order(short, *SMALL, seconds=1.0)
    job = wanted.submit(door)
    ended(door, job)
    assert examine(door, wanted, job, tmp_path).faults == []


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        ("split", []),
        ("video", ["agent-1"]),  # which leaves it to a worker of the cluster
        ("video", ["worker-1", "worker-2"]),  # which leave it to the agent
    ],
    ids=["splitter", "worker", "agent"],
)
def test_who_is_told_to_stop_finishes_first(
    services: Services,
    door: Door,
    order: Callable[..., Order],
    long: Path,
    short: Path,
    tmp_path: Path,
    kind: str,
    others: list[str],
) -> None:
    for name in others:
        services.processes[name].kill()
    wanted = order(short, *SLOW, seconds=30.0) if others else order(long, *SMALL, seconds=30.0)
    job = wanted.submit(door)
    task, process = running(door, services, job, kind)
    if others:  # a worker that has not begun yet gives its task back
        until(lambda: encodes(services.processes[process].pid), PATIENCE)
    assert services.processes[process].stop(STOP_SECONDS) == 0
    # A split may have been at what had come of the upload by then.
    done = [one for one in attempts(door, job, task) if not one[1].startswith("waits for")]
    assert done == [("delivered", "")] or (kind == "split" and not done)
    services.revive()
    ended(door, job)
    assert examine(door, wanted, job, tmp_path).faults == []


def test_a_joiner_that_is_told_to_stop_gives_back_what_waits_for_parts(
    services: Services, door: Door, order: Callable[..., Order], long: Path, tmp_path: Path
) -> None:
    wanted = order(long, *STEADY, seconds=5.0)
    job = wanted.submit(door)
    task, process = running(door, services, job, "join")
    assert services.processes[process].stop(STOP_SECONDS) == 0
    assert attempts(door, job, task)[0][0] == "cancelled"
    services.revive()
    ended(door, job)
    assert examine(door, wanted, job, tmp_path).faults == []


@pytest.mark.parametrize("name", ["gateway-1", "sweeper-1", "splitter-1", "joiner-1", "worker-1", "agent-1"])
def test_who_has_nothing_to_do_stops_when_told(services: Services, door: Door, name: str) -> None:
    assert services.processes[name].stop(STOP_SECONDS) == 0
    assert "Traceback" not in services.processes[name].log()


def test_a_gateway_that_stops_leaves_the_other(services: Services, door: Door) -> None:
    first, second = (services.processes[f"gateway-{number}"] for number in (1, 2))
    assert first.stop(STOP_SECONDS) == 0
    assert status(first.port, "/readyz") == 0
    assert status(second.port, "/readyz") == 200
