"""What is measured, what workers' tables must hold, and what is told of them."""

import dataclasses
import itertools
import json
import os
import shlex

import pytest
from serving import serving
from video_recipes import recipe

from fallow.catalogue import MEASURE as MEASURE_FILTER
from fallow.commands import doctor
from fallow.errors import BrokenPart, Rejected
from fallow.ffmpeg import commands, locate
from fallow.findings import WARNING
from fallow.messages import from_wire, to_wire
from fallow.model import Colour, JobState, Part, Worker
from fallow.pipeline import dispatch
from fallow.pipeline.scores import APART, MOMENTS, POINTS, Score, curve, pack, table
from fallow.profiles import Profile
from fallow.recipe import Against, VideoRecipe
from fallow.settings import Settings
from fallow.worker.divided import Divided

AGAINST = Against("matroska", 1000, 3, before=1, after=1)
MEASURE = recipe(output="csv", frames=5, guard=0, colour=Colour("pc"), against=AGAINST)
HEAD = "Frame,integer_motion2,psnr_y,vmaf,"


def rows(*scores):
    return "\n".join([HEAD, *(f"{n},0.5,{psnr},{vmaf}," for n, (vmaf, psnr) in enumerate(scores)), ""]).encode()


GOOD = rows((1, 20), (90, 40), (91.5, 41), (92, 42), (2, 21))


def test_both_sides_are_decoded_and_paired_by_number() -> None:
    line = shlex.join(commands.measured(MEASURE, AGAINST, 2, "pipe:7"))
    assert line == (
        "-hide_banner -nostats -nostdin -loglevel error -filter_threads 2 -threads 2 -noautorotate "
        "-copyts -protocol_whitelist pipe -f mpegts -i pipe:0 "
        "-threads 2 -noautorotate -protocol_whitelist pipe -f matroska -i pipe:7 "
        "-filter_complex_threads 2 -filter_complex "
        "'[0:v:0]trim=start=9.980000:end=12.460000,scale=w=64:h=48:flags=bicubic:in_range=pc:out_range=pc,"
        "format=pix_fmts=yuv420p,setsar=sar=1/1:max=65535,setparams=range=pc,settb=expr=1/25,setpts=expr=N[source];"
        "[1:v:0]scale=in_range=pc:out_range=pc,format=pix_fmts=yuv420p,"
        "tpad=start=1:stop=1:start_mode=clone:stop_mode=clone,settb=expr=1/25,setpts=expr=N[result];"
        "[result][source]libvmaf=model=version=vmaf_v0.6.1:feature=name=psnr:log_fmt=csv:log_path=/dev/stdout:"
        "n_threads=2:shortest=1[measured]' -map '[measured]' -fps_mode:v passthrough -f null -"
    )


def test_no_part_is_read_that_is_something_else() -> None:
    with pytest.raises(Rejected, match="container 'concat'"):
        commands.measured(MEASURE, dataclasses.replace(AGAINST, container="concat"), 1, "pipe:7")


def test_a_recipe_travels() -> None:
    assert from_wire(VideoRecipe, json.loads(json.dumps(to_wire(MEASURE)))) == MEASURE


def test_one_object_becomes_two_files_however_its_bytes_arrive() -> None:
    class Kept:
        def __init__(self) -> None:
            self.data = b""

        def write(self, data: memoryview) -> int:
            self.data += bytes(data[:3])
            return min(3, len(data))

    reading, writing = os.pipe()
    second = Kept()
    with os.fdopen(reading, "rb") as first:
        divided = Divided(os.fdopen(writing, "wb", buffering=0), 4, second)
        for piece in (b"ab", b"cdef", b"gh"):
            view = memoryview(piece)
            while view:
                view = view[divided.write(view) :]
        assert (first.read(), second.data) == (b"abcd", b"efgh")


def test_who_cannot_measure_does_not_say_so(tmp_path) -> None:
    assert MEASURE_FILTER in locate.examine(locate.find()).encoders
    poor = tmp_path / "ffmpeg"
    lists = "-encoders) echo ' V....D libx264 H.264';; -filters) echo ' TS psnr VV->V Calculate the PSNR';;"
    poor.write_text(f"#!/bin/sh\necho 'ffmpeg version 7.1 made here' >&2\ncase $1 in {lists} esac\n")
    poor.chmod(0o755)
    assert locate.examine(str(poor)).encoders == ("libx264",)
    findings = doctor.examine(Settings(data=tmp_path, ffmpeg=str(poor)))
    assert [f.state for f in findings if f.name == "filter libvmaf"] == [WARNING]


def test_a_table_gives_the_scores_of_the_chunk_alone() -> None:
    assert table(GOOD, MEASURE) == [Score(90, 40), Score(91.5, 41), Score(92, 42)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        GOOD[: GOOD.rindex(b"4,")],
        GOOD + b"5,0.5,30,50,\n",
        GOOD.replace(b"\n3,", b"\n2,"),
        GOOD.replace(b"91.5", b"nan"),
        GOOD.replace(b"91.5", b"inf"),
        GOOD.replace(b"91.5", b"-1"),
        GOOD.replace(b"91.5", b"1000"),
        GOOD.replace(b"91.5", b""),
        GOOD.replace(b"vmaf", b"ssim"),
        b"\0" * 100,
    ],
)
def test_a_table_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenPart):
        table(data, MEASURE)


def test_a_long_film_is_told_in_few_points_of_which_none_hides_a_bad_frame() -> None:
    scores = [Score(95.0, 45.0)] * 100_000
    scores[70_001] = Score(3.0, 12.0)
    told = curve(pack(scores, [frame / 25 for frame in range(len(scores))]))
    assert (told.step, told.frames, len(told.curve)) == (50, 100_000, POINTS)
    assert told.curve[1400] == (2800.0, 3.0, 12.0)
    assert (told.mean, told.low) == (Score(94.999, 45.0), Score(95.0, 45.0))
    (worst,) = told.worst
    assert (worst.frame, worst.seconds, worst.vmaf, worst.psnr) == (70_001, 2800.04, 3.0, 12.0)


def test_the_worst_moments_are_apart_and_in_the_order_of_time() -> None:
    scores = [Score(90 - (frame % 100) / 2, 40) for frame in range(1000)]
    worst = curve(pack(scores, [frame / 25 for frame in range(1000)])).worst
    seconds = [moment.seconds for moment in worst]
    assert all(after - before >= APART for before, after in itertools.pairwise(seconds))
    assert [moment.frame for moment in worst] == list(range(99, 1000, 100))
    assert len(worst) == MOMENTS
    assert len(curve(pack(scores[:20], [frame / 25 for frame in range(20)])).worst) == 1


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


async def done(caller, damaged=False, **options):
    """A job that is done, as far as the ledger and the store know."""
    profile = to_wire(Profile("small", width=64, height=64))
    body = {"name": "film.mp4", "profiles": [profile], "options": options}
    job = (await caller.send("POST", "/api/v1/jobs", body)).json["id"]
    assert (await caller.send("PUT", f"/api/v1/jobs/{job}/source", b"a source")).status == 200
    await caller.ctx.ledger.set_result(job, "small", Part("k", 1, "", 1, "", damaged), {})
    for state in (JobState.ENCODING, JobState.JOINING, JobState.DONE):
        await caller.ctx.ledger.move_job(job, state)
    return job


async def asked(caller, job, rendition="small"):
    answer = await caller.send("POST", f"/api/v1/jobs/{job}/quality", {"rendition": rendition})
    return answer.status, answer.json


async def test_a_measurement_is_a_job_of_its_own_that_is_there_once(caller):
    job = await done(caller)
    status, first = await asked(caller, job)
    assert (status, first["rendition"], first["state"], first["error"]) == (201, "small", "splitting", "")
    assert await asked(caller, job) == (200, first)
    path = f"/api/v1/jobs/{first['job']}"
    assert (await caller.send("POST", f"{path}/cancel")).status == 200
    early = await caller.get(f"/api/v1/jobs/{job}/quality/small")
    assert (early.status, "is cancelled" in early.json["title"]) == (409, True)
    status, again = await asked(caller, job)
    assert (status, again["job"], again["state"]) == (201, first["job"], "splitting")
    status, refused = await asked(caller, first["job"])
    assert (status, "measurement itself" in refused["title"]) == (409, True)
    listed = (await caller.get("/api/v1/jobs")).json["jobs"]
    assert [one["id"] for one in listed] == [job]
    assert (await caller.send("DELETE", f"/api/v1/jobs/{job}")).status == 204
    assert (await caller.get(path)).status == 404


async def test_a_result_that_lacks_frames_cannot_be_measured(caller):
    status, refused = await asked(caller, await done(caller, damaged=True))
    assert (status, "are left out" in refused["title"]) == (409, True)


async def test_it_is_said_when_nobody_can_measure(caller):
    ledger = caller.ctx.ledger
    job = await done(caller)
    await ledger.add_worker(Worker("w", "w", {"encoders": ["libx264"]}), "token")
    _, told = await asked(caller, job)
    assert [("libvmaf" in warning) for warning in told["warnings"]] == [True]
    await ledger.add_worker(Worker("v", "v", {"encoders": ["libvmaf"]}), "another")
    assert (await asked(caller, job))[1]["warnings"] == []


async def test_without_its_source_nothing_can_be_measured(caller):
    job = await done(caller)
    _, begun = await asked(caller, job)
    path = f"/api/v1/jobs/{begun['job']}"
    assert (await caller.send("POST", f"{path}/cancel")).status == 200
    await dispatch.tidy(caller.ctx, await caller.ctx.ledger.job(job))  # this platform keeps no sources
    status, refused = await asked(caller, job)
    assert (status, "FALLOW_SOURCE_DAYS" in refused["title"]) == (409, True)
    again = await caller.send("POST", f"{path}/retry")
    assert (again.status, again.json["title"]) == (409, refused["title"])
    (listed,) = (await caller.get(f"/api/v1/jobs/{job}/quality")).json["measurements"]
    assert (listed["rendition"], listed["state"]) == ("small", "cancelled")
