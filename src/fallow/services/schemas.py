"""What people send to the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fallow.errors import BadProfile
from fallow.messages import from_wire
from fallow.pipeline.job_options import Options
from fallow.profiles import Profile


class OptionsBody(BaseModel):
    """How a job is to be done."""

    model_config = ConfigDict(extra="forbid")

    container: str = Field(
        default="mp4",
        description="Of the results: mp4, mpegts, matroska; of streams: cmaf, hls, dash, hls-ts.",
    )
    chunk_seconds: float = Field(default=10.0, description="Chunks end at the first entry point after so long.")
    accept_damaged: bool = Field(default=False, description="Encode what can be decoded of a damaged source.")
    priority: str = Field(default="normal", description="high, normal or low.")
    ladder: bool = Field(default=False, description="Leave out renditions that the source is too small for.")
    segment_seconds: float = Field(default=4.0, description="Of streams: how long a segment is at most.")

    def typed(self) -> Options:
        return Options(**self.model_dump())


class JobChanges(BaseModel):
    """What is to be different of a job that is under way; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    priority: Literal["high", "normal", "low"] | None = Field(default=None, description="Among all jobs.")
    paused: bool | None = Field(
        default=None, description="Nothing of a paused job is begun; what is worked on is finished."
    )


class JobBody(BaseModel):
    """A new job; its source is uploaded afterwards, or fetched."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="The input's file name.")
    profiles: list[dict[str, Any]] = Field(
        description="Wire forms of profiles, as GET /api/v1/profiles gives them."
    )
    options: OptionsBody = Field(default_factory=OptionsBody)
    source_url: str = Field(
        default="",
        max_length=8192,
        description="An http:// or https:// address that the source is fetched from, where the platform allows it.",
    )
    owner: str = Field(default="", max_length=128, description="Whose it is: each owner's jobs share one share.")
    key: str = Field(default="", description="The same key gives the same job, however often it is sent.")

    def typed_profiles(self) -> list[Profile]:
        try:
            return [from_wire(Profile, profile) for profile in self.profiles]
        except ValueError as error:
            raise BadProfile(str(error)) from error
