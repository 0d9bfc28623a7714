"""What a worker is told of a task that it has leased: its recipe, and links to read from and to write to."""

from __future__ import annotations

from fallow import log
from fallow.messages import LeaseGrant
from fallow.model import TaskKind
from fallow.pipeline import keys
from fallow.pipeline.context import Context
from fallow.records import Task, TaskSpec

_MIB = 1 << 20


async def grant(ctx: Context, task: Task) -> LeaseGrant:
    """A leased task as its worker is told of it."""
    with log.about(**task.ids):
        return await _grant(ctx, task, last=await ctx.ledger.is_last(task.spec.job))


def part_key(spec: TaskSpec, lease: str) -> str:
    """Where the part of an attempt at a task goes."""
    return keys.part(spec, lease, str(spec.recipe["output"]))


async def _grant(ctx: Context, task: Task, *, last: bool) -> LeaseGrant:
    seconds = ctx.policy.deadline(task.spec.cost)
    get = await ctx.links.get_link(task.spec.get_key, seconds)
    put = await ctx.links.put_link(part_key(task.spec, task.lease), seconds, _most(task.spec))
    return LeaseGrant(
        lease=task.lease,
        task=task.id,
        job=task.spec.job,
        kind=task.spec.kind,
        attempt=task.attempt,
        recipe=task.spec.recipe,
        get_url=get.url,
        get_bytes=task.spec.get_bytes,
        get_sha256=task.spec.get_sha256,
        put_url=put.url,
        renew_seconds=ctx.policy.renew_seconds,
        deadline_seconds=seconds,
        last=last,
        whole_url=put.whole_url,
        whole_headers=dict(put.whole_headers),
        detour_url=get.detour,
    )


def _most(spec: TaskSpec) -> int:
    """Bytes that no honest part of this task exceeds: about what it takes uncompressed."""
    if spec.kind is TaskKind.VIDEO:
        return 16 * _MIB + spec.frames * int(spec.recipe["width"]) * int(spec.recipe["height"]) * 3
    return 256 * _MIB + 32 * spec.get_bytes
