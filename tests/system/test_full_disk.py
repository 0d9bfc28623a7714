"""A disk that runs full in the middle of a job: it waits, goes on when there is room, and loses nothing."""

import asyncio
import json
import os
import signal
import subprocess

import pytest
from running import family, living, run, started, until
from watching import PACED, SLOW, SMALL, decoded, ended, seen, times

from fallow.client import Client
from fallow.messages import to_wire
from fallow.pipeline.arrived import arrived
from fallow.services.run import Platform
from fallow.settings import Settings
from fallow.tus import Watch


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    """Take all the space that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return path


def settings(disk, **more):
    return Settings(data=disk / "data", port=0, workers=2, ffmpeg=PACED, log="off", space_wait=0.3, **more)


async def submitted(platform, source, *profiles):
    client = Client(platform.url)
    options = {"chunk_seconds": 1.0}
    job = await asyncio.to_thread(client.create, source.name, [to_wire(p) for p in profiles], options)
    await platform.adopt(job.id, source)
    return client, job.id


async def test_a_job_outlives_a_full_disk(small_disk, clip, tmp_path):
    async with Platform(settings(small_disk, attempts=50)) as platform:
        client, job = await submitted(platform, clip, SMALL)
        await seen(client, job, lambda view: view.renditions[0].chunks_done >= 1)
        ballast = fill(small_disk / "ballast")
        await asyncio.sleep(1.5)
        assert not (await asyncio.to_thread(client.job, job)).ended
        os.unlink(ballast)
        view = await ended(client, job)
        assert (view.state, view.error) == ("done", "")
        path = tmp_path / "out.mp4"
        await platform.export(job, "small", path)
        assert times(path) == pytest.approx(times(clip), abs=1e-6)
        assert decoded(path) == len(times(clip))


async def test_a_job_that_never_finds_room_fails_with_a_sentence(small_disk, clip):
    async with Platform(settings(small_disk, attempts=2)) as platform:
        client, job = await submitted(platform, clip, SLOW)
        await seen(client, job, lambda view: view.renditions[0].chunks_total)
        fill(small_disk / "ballast")
        view = await ended(client, job)
        assert (view.state, view.error_kind) == ("failed", "retryable")
        assert "No space is left" in view.error


HARD = ["-p", "240p", "--set", "width=480", "--set", "height=270", "--set", "upscale=true"]
HARD += ["--set", "preset=faster", "--chunk-seconds", "1", "--workers", "2", "--ffmpeg", PACED]


@pytest.fixture
def environment(small_disk, monkeypatch):
    """`fallow encode` keeps its unfinished work on the small disk, and is impatient."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    monkeypatch.setenv("FALLOW_SPACE_WAIT", "0.3")


def under_way(small_disk):
    until(lambda: list(small_disk.rglob("parts/*/*.ts")))


def test_encode_waits_for_space_and_says_so(small_disk, environment, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("FALLOW_ATTEMPTS", "50")
    errors = tmp_path / "errors"
    with errors.open("w") as err:
        process = started(clip, *HARD, "-o", tmp_path / "a.mp4", err=err)
        under_way(small_disk)
        ballast = fill(small_disk / "ballast")
        until(lambda: "No space is left in" in errors.read_text())
        os.unlink(ballast)
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"{small_disk}/fallow/encode/" in errors.read_text()
    assert times(tmp_path / "a.mp4") == pytest.approx(times(clip), abs=1e-6)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_encode_gives_up_in_time_and_leaves_nothing(small_disk, environment, clip, tmp_path, monkeypatch, json_):
    monkeypatch.setenv("FALLOW_ATTEMPTS", "3")
    process = started(clip, *HARD, "-o", tmp_path / "out" / "a.mp4", *json_)
    under_way(small_disk)
    relatives = family(process.pid)
    ballast = fill(small_disk / "ballast")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith(f"{clip}: No space is left")
    assert str(small_disk) in last
    assert "free some" in last
    assert not json_ or json.loads(out)["inputs"][0]["error"]["message"] in last
    until(lambda: not living(relatives), 5)
    assert list(small_disk.iterdir()) == [ballast]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("freed", [True, False])
def test_only_the_result_has_no_space(small_disk, clip, tmp_path, monkeypatch, freed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FALLOW_SPACE_WAIT", "0.2")
    monkeypatch.setenv("FALLOW_ATTEMPTS", "50" if freed else "3")
    target, errors = small_disk / "new" / "a.mp4", tmp_path / "errors"
    with errors.open("w") as err:
        process = started(clip, *HARD, "-o", target, err=err)
        until(lambda: list(tmp_path.rglob("cache/**/parts/*/*.ts")))
        ballast = fill(small_disk / "ballast")
        if freed:
            until(lambda: "No space is left in" in errors.read_text())
            os.unlink(ballast)
        process.communicate(timeout=60)
    last = errors.read_text().splitlines()[-1]
    if freed:
        assert process.returncode == 0
        assert times(target) == pytest.approx(times(clip), abs=1e-6)
    else:
        assert process.returncode == 1
        assert last == f"{clip}: No space is left in {target.parent}; free some, or choose another folder."
        assert list(small_disk.iterdir()) == [ballast]
    assert list((tmp_path / "cache").iterdir()) == []


def test_ctrl_c_ends_the_wait_for_space(small_disk, clip, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    target, errors = small_disk / "new" / "a.mp4", tmp_path / "errors"
    with errors.open("w") as err:
        process = started(clip, *HARD, "-o", target, err=err)
        until(lambda: list(tmp_path.rglob("cache/**/parts/*/*.ts")))
        ballast = fill(small_disk / "ballast")
        until(lambda: "No space is left in" in errors.read_text())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing was left behind." in errors.read_text()
    assert list(small_disk.iterdir()) == [ballast]
    assert list((tmp_path / "cache").iterdir()) == []


def test_encode_does_not_begin_on_a_full_disk(small_disk, environment, clip, tmp_path):
    ballast = fill(small_disk / "ballast")
    code, out, err = run(clip, *HARD, "-o", tmp_path / "a.mp4")
    assert (code, out) == (1, "")
    assert err.startswith(f"fallow: The disk of {small_disk}/fallow/encode/")
    assert len(err.splitlines()) == 1
    assert list(small_disk.iterdir()) == [ballast]


async def test_an_upload_waits_for_space_and_loses_nothing(small_disk, tmp_path):
    source, lost = tmp_path / "source.bin", []
    source.write_bytes(os.urandom(5 << 20))
    async with Platform(settings(small_disk)) as platform:
        client = Client(platform.url)
        job = await asyncio.to_thread(client.create, source.name, [to_wire(SMALL)], {})
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes((8 << 20) - used(small_disk) - (2 << 20)))
        watch = Watch(lost=lost.append)
        sending = asyncio.create_task(asyncio.to_thread(client.upload, job.id, source, watch))
        while not any("No space is left" in sentence for sentence in lost):
            assert not sending.done()
            await asyncio.sleep(0.05)
        os.unlink(ballast)
        await sending
        came = await arrived(platform._ctx, job.id)
        pieces = [await platform._ctx.store.read(piece.key, 0, piece.size) for piece in came.pieces]
        assert came.whole
        assert b"".join(pieces) == source.read_bytes()


def used(disk):
    facts = os.statvfs(disk)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize
