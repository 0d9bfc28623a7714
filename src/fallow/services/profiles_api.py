"""Profiles, for people: list, save, delete, check; and what a job with them will come to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from fallow.messages import to_wire
from fallow.pipeline import shelf
from fallow.pipeline.context import Context
from fallow.pipeline.estimates import Clip, Estimate, Known, estimate, history
from fallow.pipeline.lately import Lately
from fallow.pipeline.profile_faults import Fault, faults
from fallow.services.access import who

Form = dict[str, Any]
_FORM = {"name": "720p", "codec": "libx264", "width": 1280, "height": 720, "crf": 22.0, "audio": {"codec": "aac"}}


class ProfilesView(BaseModel):
    """Profiles in their wire form, each with its `source`: built-in, file or saved."""

    profiles: list[Form] = Field(examples=[[_FORM | {"source": "built-in"}]])


class FaultsView(BaseModel):
    """What is wrong with a profile; nothing when it is fine."""

    errors: list[Fault] = Field(
        examples=[[{"field": "crf", "message": "crf = 99 is out of range; choose from 0 to 51."}]]
    )


class EstimatesBody(BaseModel):
    """A job that there may be: profiles, and what its source is like."""

    model_config = ConfigDict(extra="forbid")

    profiles: list[Form] = Field(min_length=1, max_length=100, examples=[[_FORM]])
    seconds: float = Field(gt=0, le=1e7, examples=[600.0])
    width: int = Field(ge=16, le=16384, examples=[1920])
    height: int = Field(ge=16, le=16384, examples=[1080])
    fps: float = Field(gt=0, le=1000, examples=[25.0])


class EstimatesView(BaseModel):
    """What each rendition will come to, made alone."""

    estimates: list[Estimate] = Field(
        examples=[[{"name": "720p", "bytes": 165000000, "seconds": 95.5, "measured": True}]]
    )


def router(ctx: Context) -> APIRouter:
    """What is under /api/v1/profiles, and /api/v1/estimates."""
    router = APIRouter(prefix="/api/v1", tags=["profiles"])
    lately: Lately[list[Known]] = Lately()

    @router.get("/profiles")
    async def profiles(request: Request) -> ProfilesView:
        """All that the caller may use."""
        return ProfilesView(profiles=[_form(one) for one in (await shelf.shelved(ctx, who(request).name)).values()])

    @router.put("/profiles/{name}")
    async def save_profile(name: str, body: Form, request: Request) -> Form:
        """Save a profile for the caller, in place of an own one of that name."""
        return _form(await shelf.save(ctx, who(request).name, name, body))

    @router.delete("/profiles/{name}", status_code=204)
    async def delete_profile(name: str, request: Request) -> Response:
        """Delete an own profile."""
        await shelf.drop(ctx, who(request).name, name)
        return Response(status_code=204)

    @router.post("/profiles/check")
    async def check_profile(body: Form) -> FaultsView:
        """Everything that is wrong with a profile, by its fields."""
        return FaultsView(errors=faults(body))

    @router.post("/estimates")
    async def estimate_profiles(body: EstimatesBody) -> EstimatesView:
        """Bytes, by what was made here before, and seconds with the workers that are there now."""
        wanted = [shelf.read(form) for form in body.profiles]
        clip = Clip(body.seconds, body.width, body.height, body.fps)
        known = await lately.get(lambda: history(ctx))
        return EstimatesView(estimates=await estimate(ctx, wanted, clip, known))

    return router


def _form(one: shelf.Shelved) -> Form:
    return {**to_wire(one.profile), "source": one.source}
