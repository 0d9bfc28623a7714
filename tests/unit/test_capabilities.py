"""Who has which encoder is offered which task."""

import dataclasses

import pytest
from job_steps import BIG, a_job, encoding, lease
from job_steps import ctx as ctx

from fallow.model import TaskKind, Worker
from fallow.pipeline import admission, dispatch, sweep
from fallow.pipeline.recipes import encoder_of, encoders
from fallow.profiles import Audio, Profile
from fallow.recipe import AudioRecipe, TextRecipe
from fallow.services.views import job_view


async def offered(ctx, *encoders):
    return await dispatch.lease(ctx, "w", 0.0, dispatch.claim, encoders)


async def test_a_worker_is_offered_what_it_has_the_encoder_for(ctx):
    await encoding(ctx)
    assert await offered(ctx, "libx265", "libsvtav1") is None
    assert (await offered(ctx, "libx265", "libx264")).kind is TaskKind.VIDEO
    assert (await lease(ctx)).kind is TaskKind.VIDEO


async def test_a_task_that_comes_again_needs_its_encoder_still(ctx):
    await encoding(ctx)
    while await lease(ctx):
        pass
    ctx.clock.time += 1000
    await sweep.sweep(ctx)
    ctx.clock.time += 1000
    await sweep.sweep(ctx)
    assert await offered(ctx, "libx265") is None
    assert await offered(ctx, "libx264") is not None


def test_queues_of_a_worker_are_those_of_its_encoders_and_of_none():
    found = admission.queues([TaskKind.AUDIO, TaskKind.VIDEO], {"aac", "libx264"})
    assert found[:4] == ["audio.high", "audio.aac.high", "video.high", "video.libx264.high"]
    assert len(found) == 12
    assert set(found) < set(admission.queues([TaskKind.AUDIO, TaskKind.VIDEO]))
    assert admission.queues([TaskKind.SPLIT], {"aac"}) == ["split.high", "split.normal", "split.low"]


@pytest.mark.parametrize("machine", [{}, {"encoders": []}, {"encoders": None}, {"encoders": "libx264"}])
def test_a_worker_that_does_not_tell_its_encoders_gets_all(machine):
    assert Worker("w", "w", machine).encoders is None


def test_a_worker_tells_its_encoders():
    assert Worker("w", "w", {"encoders": ["aac", "libx264"]}).encoders == {"aac", "libx264"}


def test_what_is_copied_or_text_needs_no_encoder():
    sound = AudioRecipe("nut", "nut", "copy", None, None)
    assert encoder_of(sound) == ""
    assert encoder_of(dataclasses.replace(sound, codec="aac")) == "aac"
    assert encoder_of(TextRecipe("matroska", "matroska", "subrip")) == ""


def test_a_profile_needs_the_encoders_of_its_picture_and_sound():
    assert encoders(Profile("p", codec="libx265", audio=Audio("libopus"))) == {"libx265", "libopus"}
    assert encoders(Profile("p", audio=Audio("copy"))) == {"libx264"}


async def test_a_job_says_which_encoder_nobody_has(ctx):
    job = await a_job(ctx, dataclasses.replace(BIG, codec="libsvtav1"))

    async def warned():
        return (await job_view(ctx, await ctx.ledger.job(job))).warnings

    await ctx.ledger.add_worker(Worker("splitter", "splitter"), "1")
    assert await warned() == []  # nobody has come yet
    await ctx.ledger.add_worker(Worker("a", "a", {"encoders": ["libx264", "aac"]}), "2")
    assert await warned() == [
        "No worker is known that has the encoder libsvtav1, which big needs; connect one.",
    ]
    await ctx.ledger.add_worker(Worker("b", "b", {"encoders": ["libsvtav1"]}), "3")
    assert await warned() == []
