"""What follows from the chart's values.yaml, its schema and its page: python deploy/helm/chart_files.py"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fallow.settings import SECRETS, Settings

CHART = Path(__file__).resolve().parent / "fallow"
PAGE = CHART.parents[2] / "docs" / "reference" / "chart.md"
SERVICES = ("gateway", "splitter", "joiner", "sweeper", "worker")
_OWN = (
    "host",
    "port",
    "data",
    "workers",
    "ffmpeg",
    "stop_seconds",
    *SECRETS,
)  # settings that the chart makes itself

_CHOICES = {
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "service.type": ["ClusterIP", "NodePort", "LoadBalancer"],
    "ingress.tls.issuerKind": ["Issuer", "ClusterIssuer"],
    "keda.source": ["prometheus", "rabbitmq"],
    "spread.whenUnsatisfiable": ["ScheduleAnyway", "DoNotSchedule"],
    "podSecurityContext.runAsNonRoot": [True],
}
_OPEN = (
    "requests",
    "limits",
    "podSecurityContext",
    "seccompProfile",
    "scaleUp",
    "scaleDown",
)  # Kubernetes knows more
_MIXED = ("cpu", "memory", "maxUnavailable", "maxSurge", "storage", "temporarySize")  # "2", 2, 500m, 50%
_SOME = ("slots", "maxReplicas", "tasksPerReplica")  # not 0
_HEAD = """# The chart's values

All values of the chart in `deploy/helm/fallow`, with their defaults; how it is used is told in
[Run on Kubernetes](../how-to/kubernetes.md). What is misspelt is refused. Made of the comments in `values.yaml` by
`python deploy/helm/chart_files.py`.

Whatever `defaults` has may be said of `gateway`, `splitter`, `joiner`, `sweeper` and `worker`, too, as
`worker.tolerations` or `gateway.autoscaling.cpu`. Below, these have what differs.
"""


@dataclasses.dataclass(frozen=True)
class Value:
    """One value that can be set."""

    path: str
    default: Any
    told: str


def values() -> list[Value]:
    """All of them, in the order of the file. Raises ValueError for one that nothing is told of."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    return list(_leaves(yaml.compose(text), "", text.splitlines()))


def _leaves(node: yaml.MappingNode, path: str, lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        name = f"{path}{key.value}"
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            yield from _leaves(value, f"{name}.", lines)
        else:
            told = _comment(lines, key.start_mark.line)
            if not told:
                raise ValueError(f"values.yaml does not say what {name} is; write a comment above it.")
            yield Value(name, yaml.safe_load(yaml.serialize(value)), told)


def _comment(lines: list[str], at: int) -> str:
    """The comment above a line."""
    found: list[str] = []
    while at > 0 and lines[at - 1].strip().startswith("#"):
        at -= 1
        found.insert(0, lines[at].strip().removeprefix("#").strip())
    return " ".join(found)


def page() -> str:
    """docs/reference/chart.md."""
    parts, section = [_HEAD], ""
    for value in values():
        begin = value.path.partition(".")[0] if "." in value.path else "general"
        if begin != section:
            section = begin
            parts.append(f"\n## {section}\n\n| value | default | meaning |\n|---|---|---|\n")
        default = json.dumps(value.default) if value.default != "" else ""
        told = value.told.replace("|", "\\|")
        parts.append(f"| `{value.path}` | {f'`{default}`' if default else ''} | {told} |\n")
    return "".join(parts)


def schema() -> dict[str, Any]:
    """values.schema.json."""
    found = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for service in SERVICES:
        found[service] = _over(found["defaults"], found[service])
    made = _schema("", found)
    made["properties"]["global"] = {"type": "object"}  # that of a chart which this one is part of
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of Fallow's chart", **made}


def _over(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {key: _over(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}


def _schema(path: str, value: Any) -> dict[str, Any]:
    name = path.rpartition(".")[2]
    for ending, choices in _CHOICES.items():
        if path == ending or path.endswith(f".{ending}"):
            return {"enum": choices}
    if name == "settings":
        known = sorted(field.name for field in dataclasses.fields(Settings) if field.name not in _OWN)
        return {"type": "object", "propertyNames": {"enum": known}}
    if path == "image.tag":
        return {"type": "string", "not": {"const": "latest"}}
    if name in _MIXED and not path.endswith(("autoscaling.cpu", "autoscaling.memory")):
        return {"type": ["string", "number"]}
    if isinstance(value, dict):
        return _object(path, value, name)
    least = 1 if name in _SOME else 0
    return {"type": _kind(value), **({"minimum": least} if _kind(value) == "integer" else {})}


def _object(path: str, value: dict[str, Any], name: str) -> dict[str, Any]:
    if not value or name == "labels":
        return {"type": "object"}
    inner = {key: _schema(f"{path}.{key}".lstrip("."), item) for key, item in value.items()}
    return {"type": "object", "properties": inner, **({} if name in _OPEN else {"additionalProperties": False})}


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", list: "array"}
    return next((kind for made, kind in kinds.items() if type(value) is made), "string")


def files() -> dict[Path, str]:
    """What is to be in the tree."""
    return {CHART / "values.schema.json": json.dumps(schema(), indent=1) + "\n", PAGE: page()}


if __name__ == "__main__":
    for place, content in files().items():
        place.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{place}\n")
