"""The real servers of all tests, each started once in a process."""

import pytest

from servers.azurite import Azurite
from servers.ceph import Ceph
from servers.faulty import Faulty
from servers.mariadb import MariaDB, Shaken
from servers.moto import Moto
from servers.rabbitmq import Cluster


@pytest.fixture(scope="session")
def ceph():
    server = Ceph()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def azurite():
    server = Azurite()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto():
    server = Moto()
    yield server
    server.stop()


@pytest.fixture(params=["ceph", "azurite"])
def bucket(request):
    """One after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def proxy(bucket):
    """Before the server, to misbehave."""
    proxy = Faulty(bucket.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory):
    """One RabbitMQ node."""
    with Cluster(tmp_path_factory.mktemp("rabbit")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def trio(tmp_path_factory):
    """A cluster of three RabbitMQ nodes."""
    with Cluster(tmp_path_factory.mktemp("trio"), 3) as cluster:
        yield cluster


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
