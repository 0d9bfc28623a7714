"""Renditions are measured by workers, chunk by chunk, as one FFmpeg measures the whole film."""

import csv
import subprocess
from fractions import Fraction

import pytest
from by_hand import aside
from test_end_to_end import settings, submitted
from watching import FFMPEG, RATE, SECONDS, ended

from fallow.client import Client
from fallow.errors import Conflict, NotFound
from fallow.ffmpeg.graphs import whole_graph
from fallow.media.probe import probe
from fallow.media.reader import file_reader
from fallow.pipeline.recipes import whole_recipe
from fallow.profiles import Audio, Profile
from fallow.services.run import Platform

FRAMES = RATE * SECONDS
SILENT = Audio("none")
REORDERED = Profile("reordered", width=160, height=90, crf=33.0, preset="veryfast", audio=SILENT)
SLOWER = Profile("slower", width=160, height=90, crf=33.0, preset="veryfast", fps=Fraction(10), audio=SILENT)
EXACT = Profile("exact", width=192, height=108, crf=0.0, preset="ultrafast", audio=SILENT)
AV1 = Profile("av1", codec="libsvtav1", width=160, height=90, crf=50.0, preset="12", audio=SILENT)
PROFILES = [REORDERED, SLOWER, EXACT, AV1]


def at_once(clip, result, profile, table):
    """VMAF and PSNR of each frame, by one FFmpeg that reads both whole."""
    source, index = probe(file_reader(clip))
    recipe = whole_recipe(source, index, profile)
    graph = (
        f"[0:v:0]{whole_graph(recipe)},settb=1/25,setpts=N[a];[1:v:0]settb=1/25,setpts=N[b];"
        f"[b][a]libvmaf=model=version=vmaf_v0.6.1:feature=name=psnr:log_fmt=csv:log_path={table}"
    )
    command = [FFMPEG, "-v", "error", "-i", clip, "-i", result, "-lavfi", graph, "-fps_mode", "passthrough"]
    subprocess.run([*command, "-f", "null", "-"], check=True, stdin=subprocess.DEVNULL)
    with table.open(encoding="ascii") as file:
        return [(float(row["vmaf"]), float(row["psnr_y"])) for row in csv.DictReader(file)]


async def call(client, method, path, body=None):
    return await aside(lambda: client._call(method, f"/api/v1{path}", body))


async def measured_as_at_once(tmp_path, clip, client, job, profile, path):
    """What is told of the measurement, once every frame's scores are those of one process."""
    found = await call(client, "GET", f"/jobs/{job}/quality/{profile.name}")
    wanted = await aside(at_once, clip, path, profile, tmp_path / f"{profile.name}.csv")
    assert (found["step"], found["frames"], len(found["curve"])) == (1, len(wanted), len(wanted))
    for (_, vmaf, psnr), expected in zip(found["curve"], wanted, strict=True):
        assert (vmaf, psnr) == pytest.approx(expected, abs=0.01)
    assert found["mean"]["vmaf"] == pytest.approx(sum(v for v, _ in wanted) / len(wanted), abs=0.01)
    return found


async def test_renditions_are_measured_as_one_process_measures_them(tmp_path, clip):
    async with Platform(settings(tmp_path, source_days=1)) as platform:
        client, job = await submitted(platform, clip, PROFILES, chunk_seconds=2.0)
        with pytest.raises(Conflict, match="is not finished"):
            await call(client, "POST", f"/jobs/{job}/quality", {"rendition": "exact"})
        assert (await ended(client, job)).error == ""
        with pytest.raises(NotFound, match="no rendition big"):
            await call(client, "POST", f"/jobs/{job}/quality", {"rendition": "big"})
        with pytest.raises(NotFound, match="was not measured"):
            await call(client, "GET", f"/jobs/{job}/quality/exact")
        begun = [await call(client, "POST", f"/jobs/{job}/quality", {"rendition": p.name}) for p in PROFILES]
        again = await call(client, "POST", f"/jobs/{job}/quality", {"rendition": "exact"})
        assert again["job"] == begun[2]["job"]
        for one in begun:
            view = await ended(client, one["job"])
            assert (view.state, view.error, view.source["video"]["frames"]) == ("done", "", FRAMES)
            assert view.renditions[0].chunks_total >= 2
        listed = (await call(client, "GET", f"/jobs/{job}/quality"))["measurements"]
        assert [(one["rendition"], one["state"], one["progress"]) for one in listed] == [
            (profile.name, "done", 1.0) for profile in PROFILES
        ]
        assert [one.id for one in await aside(client.jobs, 100)] == [job]
        scores = await call(client, "GET", f"/jobs/{begun[0]['job']}/results/{REORDERED.name}")
        assert {len(scores[name]) for name in ("seconds", "vmaf", "psnr")} == {FRAMES}
        measuring = await call(client, "GET", "/jobs?kind=quality")
        assert {one["id"] for one in measuring["jobs"]} == {one["job"] for one in begun}
        for profile in PROFILES:
            path = tmp_path / f"{profile.name}.mp4"
            await platform.export(job, profile.name, path)
            found = await measured_as_at_once(tmp_path, clip, client, job, profile, path)
            if profile is EXACT:
                assert found["low"]["vmaf"] > 96
                assert found["mean"]["psnr"] == 60
        await call(client, "DELETE", f"/jobs/{job}")
        assert (await call(client, "GET", "/jobs?kind=quality"))["jobs"] == []
        assert list((tmp_path / "data" / "blobs").rglob("q*")) == []


async def test_streams_are_measured_as_the_files_that_their_segments_make(tmp_path, clip):
    more = {"chunk_seconds": 2.0, "segment_seconds": 1.0}
    async with Platform(settings(tmp_path, source_days=1)) as platform:
        jobs = [
            (await submitted(platform, clip, [REORDERED], container=container, **more))[1]
            for container in ("cmaf", "hls-ts")
        ]
        client = Client(platform.url, platform.api_token)
        for job in jobs:
            assert (await ended(client, job)).error == ""
            begun = await call(client, "POST", f"/jobs/{job}/quality", {"rendition": "reordered"})
            view = await ended(client, begun["job"])
            assert (view.state, view.error, view.play_url) == ("done", "", None)
            path = tmp_path / job
            await aside(whole, client, job, path)
            await measured_as_at_once(tmp_path, clip, client, job, REORDERED, path)


def whole(client, job, path):
    """A stream's segments in one file."""
    names = [file["name"] for file in client.files(job) if file["name"].startswith("video/reordered/")]
    names = sorted(name for name in names if name.endswith((".mp4", ".m4s", ".ts")))
    with path.open("wb") as file:
        for name in sorted(names, key=lambda name: not name.endswith(".mp4")):
            piece = path.with_suffix(".piece")
            client.download_file(job, name, piece)
            file.write(piece.read_bytes())
