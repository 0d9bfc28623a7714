"""What a process may be to a platform, and what it needs for that."""

from __future__ import annotations

import enum
from collections.abc import Set

from fallow.errors import BadSetting
from fallow.settings import Settings, variable


class Role(enum.Enum):
    """A service. Any number of processes may have each, on any hosts."""

    GATEWAY = "gateway"  # for people, remote agents and links
    SPLITTER = "splitter"
    JOINER = "joiner"
    SWEEPER = "sweeper"
    WORKER = "worker"  # agents that take their tasks from the queue themselves


EVERYTHING = frozenset(Role)
_SHARED = ("queue_url", "ledger_url", "store_url")
_EMBEDDED = ("", "memory:", "memory://")


def named(roles: Set[Role]) -> str:
    """What a process is called in logs, metrics and traces."""
    return "up" if roles == EVERYTHING else "+".join(sorted(role.value for role in roles))


def check(roles: Set[Role], settings: Settings) -> None:
    """Raises BadSetting when these services cannot work together with those of other processes."""
    if alone := [name for name in _SHARED if getattr(settings, name) in _EMBEDDED]:
        raise BadSetting(
            f"Services in processes of their own need back ends that all of them can reach; set {_listed(alone)},"
            " or run everything in one process with `fallow up`."
        )
    if Role.GATEWAY in roles and (missing := [name for name in _secrets(settings) if not getattr(settings, name)]):
        raise BadSetting(
            f"A gateway needs secrets that all gateways have in common; set {_listed(missing)},"
            " each to a long random text, as `openssl rand -hex 24` makes."
        )


def _secrets(settings: Settings) -> list[str]:
    return ["secret", "token", *([] if settings.loopback else ["api_token"])]


def _listed(names: list[str]) -> str:
    return " and ".join(variable(name) for name in names)
