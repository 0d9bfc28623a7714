"""Some workers of a server, and no others, for as long as a run takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator

from fallow.client import Client
from fallow.errors import BadSetting, FallowError

LOOK = 1.0  # seconds between two looks whether all others are still
PATIENCE = 3600.0  # seconds that they have to finish what they are at


@contextlib.contextmanager
def alone(client: Client, names: Collection[str]) -> Iterator[None]:
    """All others finish what they are at, and get nothing new until the end. No names: everybody works."""
    if not names:
        yield
        return
    workers = [worker for worker in client.workers() if worker["state"] != "lost"]
    if missing := sorted(set(names) - {worker["name"] for worker in workers}):
        raise BadSetting(f"The server has no worker {missing[0]} now; `fallow workers` lists those that it has.")
    others = [one["id"] for one in workers if one["name"] not in names and one["standing"] == "active"]
    sent: list[str] = []
    try:
        for worker in others:
            client.rank(worker, "draining")
            sent.append(worker)
        _wait_for(client, set(others))
        yield
    finally:
        for worker in sent:
            with contextlib.suppress(FallowError):  # it is gone, or the server is: the next one may be there
                client.rank(worker, "active")


def _wait_for(client: Client, others: Collection[str]) -> None:
    end = time.monotonic() + PATIENCE
    while any(worker["leases"] for worker in client.workers() if worker["id"] in others):
        if time.monotonic() > end:
            raise BadSetting("Other workers do not finish what they are at; cancel the jobs that they work for.")
        time.sleep(LOOK)
