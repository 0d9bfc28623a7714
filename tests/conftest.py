"""The real servers, and which tests run in the same process when several processes run them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from servers.fixtures import (  # noqa: F401 - fixtures
    azurite,
    bucket,
    ceph,
    galera,
    mariadb,
    moto,
    proxy,
    rabbit,
    shaken,
    trio,
)


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A test that sets up the log, as programs do, leaves it to the next one as it found it."""
    logger = logging.getLogger("fallow")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


# Each process that runs some of these starts the servers for them: one has to be enough.
TOGETHER = {
    "tests/contract/": "servers",
    "tests/system/test_buckets": "servers",
    "tests/system/test_cluster": "cluster",
}


class Scheduling(LoadScopeScheduling):
    """Any test in any process, but all tests of a set of servers in one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((scope for begin, scope in TOGETHER.items() if nodeid.startswith(begin)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)
