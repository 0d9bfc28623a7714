"""Fixtures of buckets, each of whose servers is started once."""

import pytest

from servers.azurite import Azurite
from servers.ceph import Ceph
from servers.faulty import Faulty
from servers.moto import Moto


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
