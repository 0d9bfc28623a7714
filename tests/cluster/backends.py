"""The servers of a cluster: three RabbitMQ nodes, three Galera nodes, and S3."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from servers.ceph import Ceph
from servers.mariadb import MariaDB
from servers.mariadb import Node as GaleraNode
from servers.rabbitmq import Cluster
from servers.rabbitmq import Node as RabbitNode


class Backends:
    """All of them, from `with` until its end."""

    rabbit: Cluster
    galera: MariaDB
    ceph: Ceph
    members: dict[str, tuple[Callable[[], None], Callable[[], None]]]  # how to kill each, and how to start it again

    def __enter__(self) -> Backends:
        self._stack = ExitStack()
        # Not yet known by the stack if one of them fails: each cleans up after itself then.
        with ThreadPoolExecutor(3) as pool:
            starting = [pool.submit(start) for start in (self._rabbit, self._galera, self._ceph)]
        try:
            for started in starting:
                started.result()
        except BaseException:
            self._stack.close()
            raise
        nodes = {f"rabbitmq-{n}": node for n, node in enumerate(self.rabbit.nodes, 1)}
        nodes |= {f"galera-{n}": node for n, node in enumerate(self.galera.nodes, 1)}
        self.members = {name: (node.kill, lambda node=node: _start(node)) for name, node in nodes.items()}
        self.members["s3"] = (self.ceph.kill_gateway, self.ceph.start_gateway)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fresh(self) -> dict[str, str]:
        """Settings of a platform with a database and a place in the bucket of its own; the queues are the same."""
        return {
            "FALLOW_QUEUE_URL": self.rabbit.url,
            "FALLOW_LEDGER_URL": self.galera.url(self.galera.database()),
            "FALLOW_STORE_URL": self.ceph.fresh_url(),
        }

    def _rabbit(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fallow-rabbitmq-"))
        self.rabbit = self._stack.enter_context(Cluster(Path(folder), 3))

    def _galera(self) -> None:
        self.galera = self._stack.enter_context(MariaDB(3))

    def _ceph(self) -> None:
        self.ceph = Ceph()
        self._stack.callback(self.ceph.stop)


def _start(node: RabbitNode | GaleraNode) -> None:
    node.start()
    node.wait()
