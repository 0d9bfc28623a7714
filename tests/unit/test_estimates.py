"""What a job will come to, and what attempts came to."""

import dataclasses
from fractions import Fraction

import pytest
from job_steps import SMALL, SOURCE, VIDEO

from fallow.adapters.ledger_sql import SqlLedger
from fallow.fleet import Failures, Period
from fallow.messages import to_wire
from fallow.model import Effort, JobState, Part, TaskKind, Worker
from fallow.pipeline import estimates
from fallow.pipeline.context import Context
from fallow.pipeline.estimates import Clip, rule_of_thumb
from fallow.pipeline.performance import cause, performance
from fallow.pipeline.workforce import members
from fallow.profiles import Audio, Profile
from fallow.records import Job, Outcome, Rendition, TaskSpec

CLIP = Clip(60.0, 640, 360, 25.0)
SILENT = dataclasses.replace(SMALL, audio=Audio("none"))


class Clock:
    def now(self):
        return 10_000.0


@pytest.fixture
async def ctx(tmp_path):
    ledger = await SqlLedger.open(tmp_path / "l.db", lambda: 10_000.0)
    yield Context(None, None, ledger, Clock(), None)
    await ledger.close()


async def made(ctx, profile, worker="w", chunks=2, seconds=5.0, size=100_000, slots=1, joules=0.0, meter=""):
    """A job of so many chunks of 250 frames, each of which took that worker so many seconds."""
    ledger, job = ctx.ledger, f"j{len(await ctx.ledger.jobs())}"
    wanted = (Rendition(job, profile.name, to_wire(profile)),)
    await ledger.create_job(Job(job, "f", JobState.ENCODING, 1.0, 1.0, {}, "k", SOURCE, wanted, "", ""))
    await ledger.add_worker(Worker(worker, worker, {"slots": slots}, seen=10_000.0), f"token of {worker}")
    spec = TaskSpec(job, TaskKind.VIDEO, profile.name, 0, {}, frames=250)
    await ledger.plan([dataclasses.replace(spec, number=number) for number in range(chunks)])
    tasks = [task for lane in await ledger.line_up(job, "", "normal") for task in await ledger.top_up(lane, 100)]
    for task in tasks:
        await ledger.lease(task.id, task.id, worker, 10_030.0, 20_000.0)
        part = Part("k", size, "", 250, "h")
        await ledger.commit(task.id, part, Effort(seconds, seconds, 250, 1, size, "7.1", joules, meter))


async def estimated(ctx, profile, clip=CLIP):
    (found,) = await estimates.estimate(ctx, [profile], clip, await estimates.history(ctx))
    return found


async def test_what_was_made_with_the_same_settings_tells_size_and_time(ctx):
    await made(ctx, SILENT)
    found = await estimated(ctx, dataclasses.replace(SILENT, name="other", description="Other words"))
    # 100 kB for each 10 seconds; and 250 frames in 5 seconds.
    assert found.bytes == pytest.approx(600_000 * 1.01, rel=0.01)
    assert (found.seconds, found.measured) == (pytest.approx(30.0), True)


async def test_the_same_encoder_tells_more_than_nothing(ctx):
    await made(ctx, SILENT)
    better, other = dataclasses.replace(SILENT, crf=17.0), Profile("hevc", "", "libx265", 320, 180)
    found, unknown = await estimated(ctx, better), await estimated(ctx, other)
    assert found.bytes == pytest.approx(2 * 600_000 * 1.01, rel=0.01)
    assert found.seconds == pytest.approx(30.0)
    assert (unknown.measured, unknown.seconds) == (False, None)


async def test_all_who_can_work_are_counted_but_not_more_than_there_are_chunks(ctx):
    await made(ctx, SILENT)
    await ctx.ledger.add_worker(Worker("new", "new", {"slots": 2}, seen=10_000.0), "another token")
    assert (await estimated(ctx, SILENT)).seconds == pytest.approx(10.0)
    assert (await estimated(ctx, SILENT, dataclasses.replace(CLIP, seconds=10.0))).seconds == pytest.approx(5.0)
    await ctx.ledger.add_worker(Worker("new", "new", {"slots": 2}, seen=1000.0), "another token")
    assert (await estimated(ctx, SILENT)).seconds == pytest.approx(30.0)


async def test_two_chunks_of_few_frames_tell_nothing(ctx):
    assert await estimates.history(ctx) == []
    found = await estimated(ctx, SILENT)
    assert (found.measured, found.seconds) == (False, None)


def test_the_rule_of_thumb_knows_what_is_asked_for():
    def bits(pixels=1280 * 720, rate=25.0, **settings):
        return rule_of_thumb(Profile("x", **settings), pixels, rate, 1.0)

    assert bits() == pytest.approx(0.085 * 1280 * 720 * 25)
    assert bits(crf=29.0) == pytest.approx(bits() / 2)
    assert bits() < bits(1920 * 1080) < bits() * 2.25
    assert bits() < bits(rate=50.0) < bits() * 2
    assert bits(maxrate_kbps=500) == 500_000
    assert bits(bitrate_kbps=800) == 800_000
    assert bits(codec="libx265") < bits()


async def test_statistics_tell_minutes_by_the_renditions_own_rate(ctx):
    await made(ctx, dataclasses.replace(SILENT, fps=Fraction(50)))
    found = await performance(ctx, Period(9000.0, 11_000.0), 100.0)
    (flow,), (device,), (pace,) = found.throughput, found.devices, found.profiles
    assert (flow.at, flow.frames, flow.seconds, flow.bytes_out) == (10_000.0, 500, 10.0, 200_000)
    assert (device.device_class, device.workers, device.frames, device.wall_seconds) == ("unknown", 1, 500, 10.0)
    assert (pace.profile, pace.minutes, pace.seconds_per_minute) == (
        "small",
        pytest.approx(1 / 6),
        pytest.approx(60.0),
    )
    assert VIDEO.average_rate == 25
    assert [device.joules, pace.joules_per_minute, device.known_by, pace.known_by] == [None, None, [], []]


async def test_what_is_measured_goes_before_what_a_model_has_reckoned(ctx):
    """And no sum is told of which a part is unknown."""
    await made(ctx, SILENT, "phone", joules=25.0, meter="model")  # for each 10 seconds of video
    (pace,) = (await performance(ctx, Period(9000.0, 11_000.0), 100.0)).profiles
    assert (pace.joules_per_minute, pace.known_by) == (pytest.approx(150.0), ["model"])
    await made(ctx, SILENT, "pc", joules=100.0, meter="meter")
    found = await performance(ctx, Period(9000.0, 11_000.0), 100.0)
    (device,), (pace,) = found.devices, found.profiles
    assert (pace.joules_per_minute, pace.known_by) == (pytest.approx(600.0), ["meter"])
    assert (device.joules, device.known_by) == (250.0, ["meter", "model"])
    known = {one.worker.id: (one.energy.joules, one.energy.known_by) for one in await members(ctx)}
    assert known == {"phone": (150.0, ["model"]), "pc": (600.0, ["meter"])}
    await made(ctx, SILENT, "other")
    found = await performance(ctx, Period(9000.0, 11_000.0), 100.0)
    assert (found.devices[0].joules, found.profiles[0].joules_per_minute) == (None, pytest.approx(600.0))


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        ("The worker was not heard of for 30 s.", Outcome.EXPIRED, "a worker was not heard of any more"),
        ("The local agent died, perhaps for want of memory.", Outcome.EXPIRED, "a worker's process died"),
        ("FFmpeg exited with 1: Conversion failed!", Outcome.FAILED, "FFmpeg failed"),
        (
            "No space is left in the server's store; it will be tried again later.",
            Outcome.FAILED,
            "no space was left",
        ),
        ("The part has 49 frames where 50 are needed: x.", Outcome.FAILED, "the wrong number of frames came out"),
        ("The upload broke off after 5 bytes: x.", Outcome.FAILED, "a transfer was broken off"),
        ("By hand.", Outcome.FAILED, "something else"),
    ],
)
def test_causes_are_told_in_plain_words(error, outcome, words):
    assert cause(Failures(outcome, error, 1)) == words
