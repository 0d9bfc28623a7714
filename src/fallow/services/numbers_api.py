"""Statistics, for people: what was done, when, on which devices, how quickly, and what went wrong."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from fallow.errors import BadSetting
from fallow.fleet import Period
from fallow.pipeline import performance
from fallow.pipeline.context import Context
from fallow.pipeline.performance import Cause, DeviceShare, Flow, Pace, Performance
from fallow.services import csv_table

DAY = 86400.0
STEPS = 96  # when none is asked for

Seconds = Annotated[float | None, Query(allow_inf_nan=False)]
_TABLES: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "throughput": (Flow, ("at", "frames", "seconds_of_video", "bytes_out")),
    "devices": (DeviceShare, ()),
    "profiles": (Pace, ()),
    "failures": (Cause, ()),
}


class StatisticsView(BaseModel):
    """What was done in a period of time."""

    since: float
    until: float
    step: float = Field(description="Seconds of one row of `throughput`.")
    throughput: list[tuple[float, int, float, int]] = Field(
        description="[t, frames, seconds_of_video, bytes_out] delivered from `t` on for `step` seconds; "
        "nothing for when nothing was.",
        examples=[[[1760000000.0, 9000, 360.0, 90000000]]],
    )
    devices: list[DeviceShare]
    profiles: list[Pace]
    failures: list[Cause]


def router(ctx: Context) -> APIRouter:
    """What is under /api/v1/statistics."""
    router = APIRouter(prefix="/api/v1", tags=["numbers"])

    @router.get("/statistics", response_model=StatisticsView, responses={200: {"content": {"text/csv": {}}}})
    async def statistics(
        request: Request,
        since: Seconds = None,
        until: Seconds = None,
        step: Seconds = None,
        table: Literal["throughput", "devices", "profiles", "failures"] | None = None,
        format: Literal["json", "csv"] | None = None,
    ) -> StatisticsView | Response:
        """Of the last day, unless told otherwise. One `table` of it comes as CSV when that is asked for."""
        end = ctx.clock.now() if until is None else until
        period = Period(end - DAY if since is None else since, end)
        width = (period.until - period.since) / STEPS if step is None else step
        found = await performance.performance(ctx, period, width)
        if csv_table.wanted(request, format or ""):
            return _csv(found, table)
        return _view(found, period, width)

    return router


def _view(found: Performance, period: Period, step: float) -> StatisticsView:
    return StatisticsView(
        since=period.since,
        until=period.until,
        step=step,
        throughput=[(one.at, one.frames, one.seconds, one.bytes_out) for one in found.throughput],
        devices=found.devices,
        profiles=found.profiles,
        failures=found.failures,
    )


def _csv(found: Performance, table: str | None) -> Response:
    if table is None:
        raise BadSetting(f"CSV is one table; name it with `table`, as one of {', '.join(_TABLES)}.")
    kind, headings = _TABLES[table]
    names = headings or tuple(one.name for one in dataclasses.fields(kind))
    return csv_table.table(f"fallow-{table}", names, map(dataclasses.astuple, getattr(found, table)))
