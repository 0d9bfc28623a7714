"""Kinds that no schema of Kubernetes knows, as their operators define them: what each must say, and may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A custom resource."""

    api: str
    needed: dict[str, type]  # paths, with the type of what is there
    known: frozenset[str]  # what `spec` may have


KINDS = {
    "RabbitmqCluster": Kind(
        "rabbitmq.com/v1beta1",
        {
            "spec.replicas": int,
            "spec.persistence.storage": str,
            "spec.rabbitmq.additionalConfig": str,
            "spec.secretBackend.externalSecret.name": str,
        },
        frozenset({"replicas", "image", "persistence", "resources", "rabbitmq", "affinity", "secretBackend"}),
    ),
    "MariaDB": Kind(
        "k8s.mariadb.com/v1alpha1",
        {
            "spec.replicas": int,
            "spec.galera.enabled": bool,
            "spec.rootPasswordSecretKeyRef.key": str,
            "spec.passwordSecretKeyRef.key": str,
            "spec.database": str,
            "spec.username": str,
            "spec.storage.size": str,
            "spec.myCnf": str,
        },
        frozenset(
            {
                *("replicas", "image", "galera", "rootPasswordSecretKeyRef", "database", "username", "myCnf"),
                *("passwordSecretKeyRef", "storage", "resources", "podDisruptionBudget", "affinity"),
            }
        ),
    ),
    "ScaledObject": Kind(
        "keda.sh/v1alpha1",
        {
            "spec.scaleTargetRef.name": str,
            "spec.minReplicaCount": int,
            "spec.maxReplicaCount": int,
            "spec.triggers.0.type": str,
            "spec.triggers.0.metadata": dict,
        },
        frozenset(
            {
                *("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod"),
                *("advanced", "triggers"),
            }
        ),
    ),
    "TriggerAuthentication": Kind(
        "keda.sh/v1alpha1",
        {"spec.secretTargetRef.0.parameter": str, "spec.secretTargetRef.0.name": str},
        frozenset({"secretTargetRef"}),
    ),
    "ServiceMonitor": Kind(
        "monitoring.coreos.com/v1",
        {"spec.selector.matchLabels": dict, "spec.endpoints.0.port": str, "spec.endpoints.0.path": str},
        frozenset({"selector", "namespaceSelector", "endpoints"}),
    ),
    "PrometheusRule": Kind(
        "monitoring.coreos.com/v1",
        {"spec.groups.0.name": str, "spec.groups.0.rules.0.alert": str, "spec.groups.0.rules.0.expr": str},
        frozenset({"groups"}),
    ),
    "HTTPRoute": Kind(
        "gateway.networking.k8s.io/v1",
        {
            "spec.parentRefs.0.name": str,
            "spec.hostnames.0": str,
            "spec.rules.0.matches.0.path.value": str,
            "spec.rules.0.backendRefs.0.port": int,
        },
        frozenset({"parentRefs", "hostnames", "rules"}),
    ),
}


def faults(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest of one of these kinds."""
    kind = KINDS[manifest["kind"]]
    found = [] if manifest["apiVersion"] == kind.api else [f"apiVersion is not {kind.api}"]
    found += [f"spec.{name} is not known" for name in manifest["spec"] if name not in kind.known]
    for path, wanted in kind.needed.items():
        if not isinstance(at(manifest, path), wanted):
            found.append(f"{path} is no {wanted.__name__}")
    return found


def at(manifest: Any, path: str) -> Any:
    """What is at a path, None when it is not there."""
    for step in path.split("."):
        if isinstance(manifest, list):
            manifest = manifest[int(step)] if int(step) < len(manifest) else None
        else:
            manifest = manifest.get(step) if isinstance(manifest, dict) else None
    return manifest
