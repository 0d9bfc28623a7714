"""Who watches a process that runs for long."""

from __future__ import annotations


def begin() -> None:
    """From now on what happens is counted. Costs an import that short runs do without."""
    from fallow.services import metrics

    metrics.of_process()
