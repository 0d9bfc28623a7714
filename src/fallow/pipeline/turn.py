"""Whose turn it is to go on with an upload, among all processes: the one who came last."""

from __future__ import annotations

import uuid

from fallow.errors import Conflict, TakenOver
from fallow.pipeline import keys
from fallow.pipeline.context import Context


class Turn:
    """An object with a number: each is made once, and the highest counts."""

    def __init__(self, ctx: Context, prefix: str, number: int) -> None:
        self._ctx, self._prefix, self._number = ctx, prefix, number

    @classmethod
    async def take(cls, ctx: Context, job: str, upload: str, mine: Turn | None = None) -> Turn:
        """`mine`: the last one that was taken here, by somebody who is done. It stays, if nobody came since."""
        prefix = keys.turns(job, upload)
        while True:
            before = await _taken(ctx, prefix)
            if mine and (mine._prefix, mine._number) == (prefix, max(before, default=0)):
                return mine
            turn = cls(ctx, prefix, max(before, default=0) + 1)
            try:
                await ctx.store.put(_key(prefix, turn._number), uuid.uuid4().bytes)
            except Conflict:  # somebody else was quicker
                continue
            await ctx.store.delete([_key(prefix, number) for number in before])
            return turn

    async def check(self) -> None:
        """Raises TakenOver when somebody has come since, or the upload was given up."""
        if max(await _taken(self._ctx, self._prefix), default=0) != self._number:
            raise TakenOver


async def _taken(ctx: Context, prefix: str) -> list[int]:
    return [int(facts.key.removeprefix(prefix)) async for facts in ctx.store.list(prefix)]


def _key(prefix: str, number: int) -> str:
    return f"{prefix}{number:09d}"
