"""Servers that are started once for all contract tests."""

import pytest

from servers.mariadb import MariaDB


@pytest.fixture(scope="session")
def mariadb():
    with MariaDB(1) as server:
        yield server


@pytest.fixture(scope="session")
def galera():
    with MariaDB(3) as server:
        yield server
