"""How long back ends take, told to the log's listeners under the name of the method that asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from fallow import log


@contextlib.contextmanager
def timed(action: str, work: Callable[..., Any]) -> Iterator[None]:
    """Around what some method's inner function does."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        log.measure(action, operation=method_of(work), seconds=time.perf_counter() - begun)


def method_of(work: Callable[..., Any]) -> str:
    """The name of the method, or function, that this function was made in."""
    method = work.__qualname__.rpartition(".<locals>")[0].rpartition(".")[2]
    return (method or work.__name__).lstrip("_")
