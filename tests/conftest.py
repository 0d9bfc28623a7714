"""Which tests run in the same process, when several processes run them."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each process that runs some of these starts all servers of a cluster for them: one has to be enough.
TOGETHER = "tests/system/test_cluster"


class Scheduling(LoadScopeScheduling):
    """Any test in any process, but all tests of a cluster in one."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)
