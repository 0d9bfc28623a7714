"""The ledgers of simulations: SQLite's, and both that and its model, to see that they decide alike."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fallow.adapters.ledger_sql import SqlLedger
from fallow.errors import FallowError
from fallow.records import Attempt, Job, Tally, Task
from simulation.ledger_model import ModelLedger

_QUICK = next((folder for folder in ["/dev/shm"] if Path(folder).is_dir()), None)  # noqa: S108 - in memory


@asynccontextmanager
async def sqlite(now: Callable[[], float]) -> AsyncIterator[SqlLedger]:
    """The embedded one, as it is."""
    with tempfile.TemporaryDirectory(dir=_QUICK) as folder:
        ledger = await SqlLedger.open(Path(folder, "ledger.db"), now)
        try:
            yield ledger
        finally:
            await ledger.close()


class Both:
    """Every call is answered by both, which must agree."""

    def __init__(self, real: SqlLedger, model: ModelLedger) -> None:
        self._real, self._model, self._turn = real, model, asyncio.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def asked(*arguments: Any, **more: Any) -> Any:
            async with self._turn:
                answers = [await _answer(getattr(one, name), arguments, more) for one in (self._real, self._model)]
            real, model = answers
            assert _plain(name, real) == _plain(name, model), f"{name}{arguments}"
            if isinstance(real, Exception):
                raise real
            return real

        return asked


@asynccontextmanager
async def both(now: Callable[[], float]) -> AsyncIterator[Both]:
    async with sqlite(now) as real:
        yield Both(real, ModelLedger(now))


async def _answer(call: Callable[..., Any], arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
    try:
        return await call(*arguments, **more)
    except FallowError as error:
        return error


UNORDERED = ("expired", "tally")


def _plain(name: str, answer: Any) -> Any:
    """What of an answer decides something."""
    if isinstance(answer, Exception):
        return type(answer)
    if isinstance(answer, (list, tuple)):
        plain = [_plain("", one) for one in answer]
        return sorted(plain) if name in UNORDERED else plain
    if isinstance(answer, Task):
        known = (answer.id, answer.state.value, answer.attempt, answer.worker, answer.lease)
        return (*known, answer.part and answer.part.key, answer.lease_until)
    if isinstance(answer, Job):
        return (answer.id, answer.state, answer.error, [r.result and r.result.key for r in answer.renditions])
    if isinstance(answer, Attempt):
        return (answer.lease, answer.task, answer.worker, answer.number, answer.outcome, answer.ended)
    if isinstance(answer, Tally):
        return (answer.kind.value, answer.rendition, answer.state.value, answer.tasks)
    return answer
