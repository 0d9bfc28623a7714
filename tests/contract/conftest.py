"""The real servers that contracts are proven against, each started once."""

import pytest

from servers.buckets import azurite, bucket, ceph, moto, proxy  # noqa: F401 - fixtures
from servers.mariadb import MariaDB, Shaken
from servers.rabbitmq import Cluster


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory):
    """One RabbitMQ node."""
    cluster = Cluster(tmp_path_factory.mktemp("rabbit"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def trio(tmp_path_factory):
    """A cluster of three RabbitMQ nodes."""
    cluster = Cluster(tmp_path_factory.mktemp("trio"), 3)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def mariadb():
    with MariaDB(1) as server:
        yield server


@pytest.fixture(scope="session")
def galera():
    with MariaDB(3) as server:
        yield server


@pytest.fixture(scope="session")
def shaken():
    with Shaken(3) as server:
        yield server
    assert server.trouble is None
    assert server.kills
