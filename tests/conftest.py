"""The real servers, and which tests run in the same process when several processes run them."""

from __future__ import annotations

import logging
import os
import sys
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

# Hundreds of processes of Fallow are started here: each would compile all its modules where this is set.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Wherever tests run, agents work whenever they are told to; those of a gate ask for theirs.
os.environ["FALLOW_GATE"] = "off"
# Nor do they find out how fast they are, but where that is the subject.
os.environ["FALLOW_CALIBRATION"] = "off"


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A test that sets up the log, as programs do, leaves it to the next one as it found it."""
    logger = logging.getLogger("fallow")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


# Each process that runs some of these starts the servers or the browser for them, or makes all that they need: one
# has to be enough. Servers of different kinds are no reason to wait for each other.
TOGETHER = {
    "tests/browser/": "browser",
    "tests/contract/test_amqp": "queues",
    "tests/contract/test_doctor": "queues",
    "tests/contract/test_queue": "queues",
    "tests/contract/test_store": "stores",
    "tests/contract/": "ledgers",
    "tests/deploy/test_chart": "chart",
    "tests/deploy/test_images": "images",
    "tests/deploy/test_scaling": "chart",
    "tests/ladders/test_results": "ladders",
    "tests/story/test_every_source": "sources",
    "tests/system/test_buckets": "stores",
    "tests/system/test_cluster": "cluster",
    "tests/system/test_watched": "watched",
}


class Scheduling(LoadScopeScheduling):
    """Any test in any process, but all tests that need the same preparation in one."""

    def _split_scope(self, nodeid: str) -> str:
        if "[shaken" in nodeid:  # the slowest of all ledgers, for its nodes are killed all the time
            return "shaken"
        return next((scope for begin, scope in TOGETHER.items() if nodeid.startswith(begin)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)
