"""What the platform says of itself."""

from serving import serving

import fallow


async def test_people_are_told_the_version_and_how_long_what_is_kept(tmp_path):
    async with serving(tmp_path) as caller:
        told, policy = (await caller.get("/api/v1/platform")).json, caller.ctx.policy
    assert told["source_urls"] is False
    assert told["version"] == fallow.__version__
    assert (told["source_seconds"], told["upload_seconds"]) == (policy.source_seconds, policy.upload_wait)
