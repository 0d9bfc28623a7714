"""Celery and Dramatiq, each with one task that does nothing and has its result stored in MariaDB.

Queues are durable, messages persistent, publishing confirmed, tasks acknowledged after they are done. Usage:
dispatch_peers.py celery|dramatiq|dramatiq-quorum TASKS puts so many tasks into the queue. Where the servers are
stands in BENCH_BROKER and BENCH_DATABASE; BENCH_PEER is dramatiq-quorum for quorum queues.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import urllib.parse
from typing import Any

import pymysql

BROKER, DATABASE = os.environ["BENCH_BROKER"], os.environ["BENCH_DATABASE"]
PEER = os.environ.get("BENCH_PEER", "")

if PEER == "celery":
    from celery import Celery

    app = Celery("dispatch_peers", broker=BROKER, backend=f"db+{DATABASE.replace('mysql:', 'mysql+pymysql:')}")
    app.conf.update(
        task_acks_late=True,
        task_default_queue_type="quorum",
        broker_transport_options={"confirm_publish": True},
        worker_prefetch_multiplier=64,  # its guide advises a large one for short tasks
        result_expires=None,
    )

    @app.task
    def nothing(number: int) -> int:
        return number

    def enqueue(count: int) -> None:
        for number in range(count):
            nothing.delay(number)

else:
    import dramatiq
    from dramatiq.brokers.rabbitmq import RabbitmqBroker
    from dramatiq.results import Missing, ResultBackend, Results

    class SqlResults(ResultBackend):
        """Dramatiq keeps results in Redis or Memcached only; this is the least that keeps them in a table."""

        def __init__(self, url: str) -> None:
            super().__init__()
            self._url = urllib.parse.urlsplit(url)
            self._threads = threading.local()

        def _cursor(self) -> Any:
            if not hasattr(self._threads, "cursor"):
                place, unquote = self._url, urllib.parse.unquote
                connection = pymysql.connect(
                    host=place.hostname,
                    port=place.port or 3306,
                    user=unquote(place.username or ""),
                    password=unquote(place.password or ""),
                    database=place.path.strip("/"),
                    autocommit=True,
                )
                self._threads.cursor = connection.cursor()
            return self._threads.cursor

        def _get(self, message_key: str) -> Any:
            self._cursor().execute("SELECT result FROM results WHERE id = %s", (message_key,))
            row = self._cursor().fetchone()
            return self.encoder.decode(row[0].encode()) if row else Missing

        def _store(self, message_key: str, result: Any, ttl: int) -> None:
            row = (message_key, self.encoder.encode(result).decode(), time.time())
            self._cursor().execute("INSERT INTO results VALUES (%s, %s, %s)", row)

    class QuorumBroker(RabbitmqBroker):
        """Dramatiq declares classic queues only; these are as safe as Fallow's and Celery's."""

        def _build_queue_arguments(self, queue_name: str) -> Any:
            return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}

    broker = (QuorumBroker if PEER == "dramatiq-quorum" else RabbitmqBroker)(url=BROKER, confirm_delivery=True)
    broker.add_middleware(Results(backend=SqlResults(DATABASE), store_results=True))
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name=PEER)
    def nothing_at_all(number: int) -> int:
        return number

    def enqueue(count: int) -> None:
        for number in range(count):
            nothing_at_all.send(number)


if __name__ == "__main__":
    begun = time.monotonic()
    enqueue(int(sys.argv[1]))
    print(time.monotonic() - begun)
