"""What the platform says of itself, for people: its version, and how long it keeps what."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fallow import __version__
from fallow.pipeline.context import Context


class PlatformView(BaseModel):
    """As whoever runs it has set it."""

    version: str = Field(examples=["1.0.0"])
    source_seconds: float = Field(
        description="How long the source of a finished job is kept; 0: it goes at once.", examples=[604800.0]
    )
    upload_seconds: float = Field(
        description="How long a job waits for the next byte of its source, before it is removed.",
        examples=[86400.0],
    )
    source_urls: bool = Field(
        description="Whether jobs may name the address of their source, as `source_url`.", examples=[False]
    )


def router(ctx: Context) -> APIRouter:
    """What is under /api/v1/platform."""
    router = APIRouter(prefix="/api/v1", tags=["platform"])

    @router.get("/platform")
    async def platform() -> PlatformView:
        """Its version, and how long it keeps what."""
        return PlatformView(
            version=__version__,
            source_seconds=ctx.policy.source_seconds,
            upload_seconds=ctx.policy.upload_wait,
            source_urls=ctx.web is not None,
        )

    return router
