"""How well renditions show their source: have it measured, see how far that is, and the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from fallow.pipeline import quality
from fallow.pipeline.context import Context
from fallow.pipeline.quality import Measured
from fallow.pipeline.scores import Curve
from fallow.services.jobs_api import UNCHANGED, unless_known
from fallow.services.summaries import Summaries
from fallow.services.views import wants

_BEGUN: dict[int | str, dict[str, Any]] = {200: {"description": "The measurement that there is already."}}


class QualityBody(BaseModel):
    """What is to be measured."""

    model_config = ConfigDict(extra="forbid")

    rendition: str = Field(max_length=128, description="A finished rendition of the job.")


@dataclass(frozen=True)
class MeasurementView:
    """How far a measurement is."""

    rendition: str
    job: str  # that measures: it can be cancelled, retried and removed like any other
    state: str
    progress: float  # 0..1
    eta: float | None  # seconds; null when nobody knows
    error: str
    warnings: list[str]


@dataclass(frozen=True)
class MeasurementsView:
    """What was measured of a job, or is being measured."""

    measurements: list[MeasurementView]


def router(ctx: Context) -> APIRouter:
    """Everything under /jobs/{job}/quality."""
    made = APIRouter(prefix="/api/v1", tags=["quality"])
    summaries = Summaries(ctx)

    async def views(measured: list[Measured]) -> list[MeasurementView]:
        found = await summaries.of([one.job for one in measured])
        workers = await ctx.ledger.workers() if any(not one.job.state.ended for one in measured) else []
        return [
            MeasurementView(
                one.rendition, job.id, job.state, job.progress, job.eta, job.error, wants(one.job, workers)
            )
            for one, job in zip(measured, found, strict=True)
        ]

    @made.post("/jobs/{job}/quality", status_code=201, responses={200: {"model": MeasurementView, **_BEGUN[200]}})
    async def measure_quality(job: str, body: QualityBody, response: Response) -> MeasurementView:
        """Measure a rendition; 200 instead of 201 when that was asked for before and has not failed since."""
        measuring, new = await quality.ask(ctx, job, body.rendition)
        response.status_code = 201 if new else 200
        return (await views([Measured(body.rendition, measuring)]))[0]

    @made.get("/jobs/{job}/quality")
    async def list_quality(job: str) -> MeasurementsView:
        """The measurements of a job's renditions."""
        return MeasurementsView(await views(await quality.measurements(ctx, job)))

    @made.get("/jobs/{job}/quality/{rendition}", response_model=Curve, responses=UNCHANGED)
    async def get_quality(job: str, rendition: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """The scores of a rendition over time; 304 when its ETag is the one that is known."""
        return unless_known(await quality.scored(ctx, job, rendition), if_none_match)

    return made
