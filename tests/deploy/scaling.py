"""How many pods KEDA asks for: what its triggers find in sampled metrics, and what it makes of that."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

_SUM_OF_MAXIMA = re.compile(r"sum\(max by \(([\w, ]+)\) \((\w+)\{([^}]*)\}\)\)")
_SELECTOR = re.compile(r'(\w+)(=~|=|!=|!~)"([^"]*)"')


def replicas(scaled: Mapping[str, Any], found: float) -> int:
    """As KEDA and its autoscaler do it: none while nothing is active, else by the average for a pod."""
    spec = scaled["spec"]
    facts = spec["triggers"][0]["metadata"]
    least, most = spec["minReplicaCount"], spec["maxReplicaCount"]
    if found <= float(facts.get("activationThreshold") or facts.get("activationValue")):
        return least
    each = float(facts.get("threshold") or facts.get("value"))
    return min(max(math.ceil(found / each), least, 1), most)


def of_prometheus(query: str, scraped: Iterable[str]) -> float:
    """The answer to the one form of query that the chart has, to what several processes have told."""
    whole = _SUM_OF_MAXIMA.fullmatch(query.strip())
    assert whole, query
    by, name, selector = whole[1].split(", "), whole[2], _SELECTOR.findall(whole[3])
    groups: dict[tuple[str, ...], float] = {}
    for text in scraped:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and _chosen(sample.labels, selector):
                    group = tuple(sample.labels.get(label, "") for label in by)
                    groups[group] = max(groups.get(group, sample.value), sample.value)
    return sum(groups.values())


def of_rabbitmq(facts: Mapping[str, str], queues: Mapping[str, tuple[int, int]]) -> float:
    """Messages, ready and unacknowledged, of the queues that the trigger names."""
    counted = (lambda q: q[0]) if facts["excludeUnacknowledged"] == "true" else sum
    return sum(counted(found) for name, found in queues.items() if re.search(facts["queueName"], name))


def _chosen(labels: Mapping[str, str], selector: list[tuple[str, str, str]]) -> bool:
    def fits(name: str, sign: str, value: str) -> bool:
        same = bool(re.fullmatch(value, labels.get(name, ""))) if "~" in sign else labels.get(name, "") == value
        return same is not sign.startswith("!")

    return all(fits(*one) for one in selector)
