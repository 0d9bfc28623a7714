"""What is seen of a job from outside, when every service is a process of its own: lines, numbers, and a trace."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from running import until
from watching import SMALL

from fallow.adapters.ledger_migrate import migrate
from fallow.client import Client
from fallow.messages import to_wire
from servers.collector import Collector
from servers.mariadb import MariaDB
from servers.rabbitmq import Cluster

SERVICES = ("gateway", "splitter", "joiner", "sweeper", "worker")
LONG_ENOUGH = "0123456789abcdef" * 3
PEOPLE = "of-people"


class Services:
    """A process for each service, an agent from outside, and what they write."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder, self._settings = folder, settings
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        for service in SERVICES:
            self._begin(service, "serve", service)
        for service in SERVICES:
            said = self.processes[service].stdout.readline()
            assert "http://" in said, (self._folder / service).read_text()
            self.urls[service] = re.search(r"http://[\w.:]+", said)[0].rstrip(".")
        self._begin("agent", "worker", self.urls["gateway"], "--slots", 1)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 10  # with back ends that are gone, they may take longer
        for process in self.processes.values():
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def ask(self, service: str, path: str) -> tuple[int, str]:
        with contextlib.closing(self._opened(f"{self.urls[service]}{path}")) as answer:
            return answer.status, answer.read().decode()

    def lines(self) -> list[dict[str, Any]]:
        written = [(self._folder / name).read_text() for name in self.processes]
        return [json.loads(line) for line in chain.from_iterable(text.splitlines() for text in written)]

    def numbers(self, service: str) -> dict[tuple[str, ...], float]:
        """Each sample's value by its name and its labels, in the order of the labels' names."""
        families = text_string_to_metric_families(self.ask(service, "/metrics")[1])
        samples = chain.from_iterable(family.samples for family in families)
        return {(s.name, *(s.labels[label] for label in sorted(s.labels))): s.value for s in samples}

    def _begin(self, name: str, *arguments: object) -> None:
        known = {key: value for key, value in os.environ.items() if not key.startswith(("FALLOW_", "OTEL_"))}
        with (self._folder / name).open("w") as lines:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "fallow", *map(str, arguments)],
                cwd=self._folder,
                env={**known, **self._settings},
                stdout=subprocess.PIPE,
                stderr=lines,
                text=True,
            )

    def _opened(self, url: str) -> Any:
        try:
            return urllib.request.urlopen(url, timeout=20)  # noqa: S310 - of this machine
        except urllib.error.HTTPError as error:
            return error


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("rabbit")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


@pytest.fixture(scope="module")
def database() -> Iterator[MariaDB]:
    with MariaDB(1) as server:
        yield server


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, rabbit: Cluster, database: MariaDB, collector: Collector
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    ledger = database.url(database.database())
    migrate(ledger)
    made = Services(
        folder,
        FALLOW_QUEUE_URL=rabbit.url,
        FALLOW_LEDGER_URL=ledger,
        FALLOW_STORE_URL=f"file://{folder}/blobs",
        FALLOW_SECRET=LONG_ENOUGH,
        FALLOW_TOKEN=LONG_ENOUGH,
        FALLOW_API_TOKEN=PEOPLE,
        FALLOW_PORT="0",
        FALLOW_WORKERS="1",
        FALLOW_STOP_SECONDS="5",
        FALLOW_LOG="json",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def tasks(services: Services, clip: Path) -> list[dict[str, Any]]:
    """Those of a job that is done."""
    client = Client(services.urls["gateway"], PEOPLE)
    job = client.create(clip.name, [to_wire(SMALL)], {"chunk_seconds": 1.0}).id
    client.upload(job, clip)
    end = time.monotonic() + 120
    while not (view := client.job(job)).ended:
        assert time.monotonic() < end, view
        time.sleep(0.1)
    assert (view.state, view.error) == ("done", "")
    found = client._call("GET", f"/api/v1/jobs/{job}/tasks")["tasks"]
    return [{**task, "job": job} for task in found]


def test_every_service_lives_and_is_ready(services):
    for service in SERVICES:
        assert services.ask(service, "/healthz")[0] == 200
        assert services.ask(service, "/readyz") == (200, '{"status":"ready"}')


def test_the_numbers_of_all_services_add_up_to_what_was_done(services, tasks):
    found = {service: services.numbers(service) for service in SERVICES}
    for kind, count in Counter(task["kind"] for task in tasks).items():
        attempts = ("fallow_attempts_total", kind, "delivered")
        assert sum(numbers.get(attempts, 0) for numbers in found.values()) == count, kind
    assert found["splitter"]["fallow_attempts_total", "split", "delivered"] == 1
    assert found["joiner"]["fallow_attempts_total", "join", "delivered"] == 1
    assert sum(numbers.get(("fallow_job_seconds_count", "done"), 0) for numbers in found.values()) == 1
    for numbers in found.values():
        assert numbers["fallow_jobs", "done"] == 1
        assert numbers["fallow_queue_messages", "video.libx264.normal"] == 0
        assert numbers["fallow_backend_up", "queue"] == 1


def test_a_job_is_one_trace_through_all_services(services, collector, tasks):
    job = tasks[0]["job"]
    until(lambda: len(collector.spans) >= len(tasks) + 2)
    spans = [span for span in collector.spans if span.attributes["fallow.job"] == job]
    assert len({span.trace for span in spans}) == 1
    assert Counter(span.name for span in spans) == Counter(["job", "submit", *(task["kind"] for task in tasks)])
    assert {span.attributes["fallow.task"] for span in spans if "fallow.task" in span.attributes} == {
        task["task"] for task in tasks
    }
    assert {span.service for span in spans} == {
        "fallow-gateway",
        "fallow-splitter",
        "fallow-worker",
        "fallow-joiner",
    }
    root = next(span for span in spans if span.name == "job")
    assert {span.parent for span in spans} == {root.id, ""}
    assert all(root.begin - 0.1 <= span.begin <= span.end <= root.end + 0.1 for span in spans)
    assert not any(span.failed for span in spans)


def test_the_lines_of_a_job_are_found_by_its_id_in_all_services(services, tasks):
    lines = services.lines()
    own = [line for line in lines if line.get("job") == tasks[0]["job"]]
    assert {line["service"] for line in own} >= {"gateway", "splitter", "joiner", "worker"}
    of_job = {"job.created", "job.started", "source.probed", "chunk.stored", "job.done"}
    assert {line["action"] for line in own} >= of_job | {"task.leased", "part.accepted", "task.done"}
    of_tasks = [line for line in own if line["action"].split(".")[0] in ("task", "part", "lease")]
    assert {line["task"] for line in of_tasks} == {task["task"] for task in tasks}
    assert [line for line in of_tasks if not (line["lease"] and line["worker"])] == []
    assert {(line["host"], line["pid"]) for line in lines} == {
        (os.uname().nodename, process.pid) for process in services.processes.values()
    }


def test_back_ends_that_are_gone_are_told_by_all_that_need_them(services, rabbit, database, tasks):
    rabbit.nodes[0].kill()
    for service in SERVICES:
        until(lambda service=service: services.ask(service, "/readyz")[0] == 503)
        told = json.loads(services.ask(service, "/readyz")[1])
        assert set(told) == {"status", "queue"}
        assert "pa55" not in told["queue"]
        assert services.ask(service, "/healthz")[0] == 200
        assert services.numbers(service)["fallow_backend_up", "queue"] == 0
    database.nodes[0].kill()
    for service in SERVICES:
        until(lambda service=service: "ledger" in json.loads(services.ask(service, "/readyz")[1]))
        assert services.ask(service, "/healthz")[0] == 200
        assert services.numbers(service)["fallow_backend_up", "ledger"] == 0
