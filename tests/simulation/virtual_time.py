"""An event loop whose clock jumps to whatever is due next, and runs in one thread: the same every time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
BEGIN = 1_800_000_000.0  # seconds since the epoch at which a simulated world begins: some midnight


class _Selector(selectors.SelectSelector):
    """Where the loop would wait, its clock moves."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("Nothing is due any more, and nobody is left who could change that.")
        self.elapsed += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """What would run in another thread runs at once, and takes no time."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-6  # what is due that soon is due now: sums of floats are not exact

    def time(self) -> float:
        return self._virtual.elapsed

    def advance(self, seconds: float) -> None:
        """Jump, before anything is due."""
        self._virtual.elapsed += seconds

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class VirtualClock:
    """The loop's time, for the platform."""

    def now(self) -> float:
        return BEGIN + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(main: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
