"""How many workers KEDA asks for, and that all that is asked of Prometheus is told by a service."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from deploy.chart import CHART, ROOT, of_kind, rendered
from deploy.scaling import of_prometheus, of_rabbitmq, replicas
from fallow.adapters.amqp_topology import Names
from fallow.model import JobState, TaskKind, TaskState
from fallow.pipeline.admission import spare_queues
from fallow.records import Census
from fallow.services.metrics import Metrics
from fallow.services.platform_metrics import QUEUES, PlatformMetrics

ALERTS = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["rules"]
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))


async def told(tasks: dict[tuple[TaskKind, TaskState], int]) -> str:
    """What a service answers to Prometheus about so many tasks."""

    async def depths(queues: list[str]) -> dict[str, int]:
        return dict.fromkeys(queues, 0)

    async def census() -> Census:
        return Census({JobState.ENCODING: 1}, tasks)

    ctx: Any = SimpleNamespace(queue=SimpleNamespace(depths=depths), ledger=SimpleNamespace(census=census))
    return (await PlatformMetrics(ctx).text({})).decode()


@pytest.mark.parametrize(
    ("planned", "leased", "wanted"), [(0, 0, 0), (0, 1, 1), (3, 1, 1), (4, 1, 2), (57, 3, 15), (5000, 90, 50)]
)
async def test_workers_are_as_many_as_tasks_need(planned: int, leased: int, wanted: int) -> None:
    scaled = of_kind(rendered("eks"), "ScaledObject")["worker"]
    tasks = {
        (TaskKind.VIDEO, TaskState.PLANNED): planned,
        (TaskKind.VIDEO, TaskState.LEASED): leased,
        # Neither is for workers, nor to be done.
        (TaskKind.JOIN, TaskState.QUEUED): 70,
        (TaskKind.VIDEO, TaskState.DONE): 800,
    }
    text = await told(tasks)
    # Every process tells the same of the platform.
    found = of_prometheus(scaled["spec"]["triggers"][0]["metadata"]["query"], [text, text, text])
    assert found == planned + leased
    assert replicas(scaled, found) == wanted


@pytest.mark.parametrize(("ready", "held", "wanted"), [(0, 0, 0), (0, 3, 1), (4, 3, 2), (60, 40, 25)])
def test_rabbitmq_counts_what_is_worked_on_and_nothing_twice(ready: int, held: int, wanted: int) -> None:
    scaled = of_kind(rendered("everything"), "ScaledObject")["worker"]
    names = Names()
    queues = {names.of(queue): (0, 0) for queue in QUEUES}
    queues |= {names.of(queue): (50, 0) for queue in spare_queues(list(TaskKind))}
    queues |= {names.of(queue): (9, 9) for queue in ("split.normal", "join.high", "dead")}
    queues[names.delayed("video.libx264.normal", 5)[0]] = (7, 0)
    queues[names.of("video.libx264.normal")] = (ready, 0)
    queues[names.of("audio.aac.high")] = (0, held)
    assert names.of("video.libx264.normal") in {names.of(queue) for queue in QUEUES}
    found = of_rabbitmq(scaled["spec"]["triggers"][0]["metadata"], queues)
    assert found == ready + held
    assert replicas(scaled, found) == wanted


def metrics_named(expression: str) -> set[str]:
    found = set(re.findall(r"\b(?:fallow|process)_\w+", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def known() -> dict[str, set[str]]:
    """Metrics of all services, with their labels."""
    ctx: Any = SimpleNamespace(queue=None, ledger=None)
    registries = [Metrics().registry, PlatformMetrics(ctx).registry]
    made = [c for registry in registries for c in registry._collector_to_names if hasattr(c, "_type")]
    found = {f"{c._name}_total" if c._type == "counter" else c._name: set(c._labelnames) for c in made}
    return {**found, "process_cpu_seconds_total": set(), "process_resident_memory_bytes": set()}


EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in ALERTS},
    **{f"{p['title']} {n}": t["expr"] for p in DASHBOARD["panels"] for n, t in enumerate(p["targets"])},
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_asked_of_prometheus_is_told(name: str) -> None:
    metrics, asked = known(), metrics_named(EXPRESSIONS[name])
    assert asked
    assert asked <= set(metrics)
    labels = set().union(*(metrics[one] for one in asked)) | {"le", "service"}
    wanted = {w for group in re.findall(r"by \(([^)]*)\)", EXPRESSIONS[name]) for w in group.split(", ")}
    wanted |= {
        w for group in re.findall(r"\{([^}]*)\}", EXPRESSIONS[name]) for w in re.findall(r"(\w+)[=!]", group)
    }
    assert wanted <= labels


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_says_what_to_do(alert: dict[str, str]) -> None:
    page = (ROOT / "docs" / "how-to" / "alerts.md").read_text(encoding="utf-8")
    assert f"\n## {alert['alert']}\n" in page
    rules = of_kind(rendered("eks"), "PrometheusRule")["fallow"]["spec"]["groups"][0]["rules"]
    (rule,) = [rule for rule in rules if rule["alert"] == alert["alert"]]
    assert rule["annotations"]["runbook_url"] == f"docs/how-to/alerts.md#{alert['alert'].lower()}"
    assert rule["expr"] == alert["expr"]
