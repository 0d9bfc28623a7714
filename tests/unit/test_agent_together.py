"""Several tasks in one lease: renditions of one chunk are decoded once, and nobody can tell from the parts."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from acting_gateway import ENDLESS, FRAMES, RECIPE, Gateway, Handler, agent, ffmpeg_pids, stub, until

from fallow.ffmpeg.commands import alike, arguments, together
from fallow.ffmpeg.locate import find
from fallow.recipe import Encoder, Retime, VideoRecipe

# With guard frames, as nearly all chunks have them.
GUARDED = replace(RECIPE, frames=40, guard=10, mark=Fraction(579, 50), marked=40)
SMALLER = replace(GUARDED, width=160, height=120, scaled=True)
FINER = replace(
    GUARDED, width=240, height=180, scaled=True, encoder=Encoder("libx264", "yuv420p", "medium", 25, crf=18.0)
)
HEVC = replace(GUARDED, encoder=Encoder("libx265", "yuv420p", "ultrafast", 250, crf=23.0))
VP9 = replace(GUARDED, output="matroska", encoder=Encoder("libvpx-vp9", "yuv420p", "8", 250, crf=40.0))
LADDER = [GUARDED, SMALLER, FINER]
HALVED = Retime(Fraction(25, 2), tuple(n // 2 for n in range(50)), 0)
RETIMED = [
    replace(recipe, retime=HALVED, frames=20, guard=4, time_base=Fraction(2, 25), rate=Fraction(25, 2))
    for recipe in LADDER
]


def packets(part: bytes) -> bytes:
    """Times, sizes and digests of all packets, and the parameter sets'. (Matroska's own identifiers are random.)"""
    command = [find(), "-v", "error", "-copyts", "-i", "-", "-c", "copy", "-f", "framehash", "-"]
    return subprocess.run(command, input=part, capture_output=True, check=True).stdout


def alone(recipe: VideoRecipe, chunk: bytes) -> bytes:
    """What FFmpeg makes of it by itself."""
    return subprocess.run([find(), *arguments(recipe, 1)], input=chunk, capture_output=True, check=True).stdout


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were started."""
    seen: list[list[str]] = []
    real = subprocess.Popen.__init__

    def spawn(self: Any, command: Any, *args: Any, **more: Any) -> None:
        seen.append(list(command))
        real(self, command, *args, **more)

    monkeypatch.setattr(subprocess.Popen, "__init__", spawn)
    return seen


@pytest.mark.parametrize(
    "recipes",
    [
        LADDER,
        [GUARDED, HEVC, VP9],
        [replace(recipe, deinterlace=True) for recipe in LADDER],
        RETIMED,
        [replace(recipe, retime=RETIMED[0].retime, frames=20, guard=4, deinterlace=True) for recipe in RETIMED],
        [replace(recipe, accept_damaged=True) for recipe in LADDER],
        [replace(recipe, rotation=90) for recipe in LADDER],
    ],
    ids=["ladder", "encoders", "deinterlaced", "retimed", "both", "damage", "turned"],
)
def test_renditions_made_at_once_are_the_same_in_every_packet(
    gateway: Gateway, chunk: bytes, recipes: list[VideoRecipe], started: list[list[str]]
) -> None:
    wanted = [packets(alone(recipe, chunk)) for recipe in recipes]
    started.clear()
    leases = gateway.offer_together(recipes)
    with agent(gateway):
        gateway.wait("deliver", times=len(recipes))
    assert len(started) == 1
    assert gateway.seen("get") == [0]
    assert [packets(gateway.stored[lease]) for lease in leases] == wanted
    assert not gateway.seen("fail")


def test_each_pays_its_share(gateway: Gateway) -> None:
    gateway.offer_together(LADDER)
    with agent(gateway):
        gateway.wait("deliver", times=3)
    efforts = [delivery["effort"] for delivery in gateway.seen("deliver")]
    assert len(gateway.data) - 3 <= sum(effort["bytes_in"] for effort in efforts) <= len(gateway.data)
    by_size = sorted(efforts, key=lambda effort: effort["cpu_seconds"])
    assert [round(effort["cpu_seconds"] / by_size[-1]["cpu_seconds"], 4) for effort in by_size] == [
        0.25,
        0.5625,
        1.0,
    ]
    assert {effort["frames"] for effort in efforts} == {40}


def test_each_is_renewed_with_its_own_progress(gateway: Gateway) -> None:
    slow = replace(RECIPE, encoder=replace(RECIPE.encoder, preset="veryslow"))
    leases = gateway.offer_together([replace(slow, width=640, height=480), slow])
    with agent(gateway):
        gateway.wait("deliver", times=2, seconds=60)
    assert set(gateway.seen("renewed")) == set(leases)


def test_one_bad_rendition_fails_alone(gateway: Gateway, chunk: bytes) -> None:
    """x264 takes no picture of odd width: nothing comes of FFmpeg, until each is tried by itself."""
    bad = replace(SMALLER, width=161)
    leases = gateway.offer_together([GUARDED, bad, FINER])
    with agent(gateway):
        failure = gateway.wait("fail")
        gateway.wait("deliver", times=2)
    assert gateway.seen("failed") == [leases[1]]
    assert failure["kind"] == "retryable"
    assert {lease: gateway.stored[lease] for lease in (leases[0], leases[2])} == gateway.stored
    assert gateway.stored[leases[2]] == alone(FINER, chunk)


def test_one_that_cannot_be_stored_fails_alone(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    leases = gateway.offer_together(LADDER)
    put = Handler.do_PUT

    def refused(self: Handler) -> None:
        if leases[1] not in self.path:
            return put(self)
        self.close_connection = True
        return self.answer(403, {"title": "Not this one."})

    monkeypatch.setattr(Handler, "do_PUT", refused)
    with agent(gateway):
        assert "Not this one." in gateway.wait("fail")["message"]
        gateway.wait("deliver", times=2)
    assert gateway.seen("failed") == [leases[1]]
    assert gateway.stored.keys() == {leases[0], leases[2]}


def test_one_that_is_over_leaves_the_others(gateway: Gateway) -> None:
    slow = replace(RECIPE, encoder=replace(RECIPE.encoder, preset="veryslow"), width=640, height=480)
    leases = gateway.offer_together([slow, replace(slow, width=320, height=240)])
    gateway.faults.over = leases[1]
    with agent(gateway):
        gateway.wait("deliver", seconds=60)
    assert gateway.stored.keys() == {leases[0]}
    assert not gateway.seen("fail")


def test_when_all_are_over_ffmpeg_stops(gateway: Gateway) -> None:
    import os

    gateway.offer_together([ENDLESS, replace(ENDLESS, width=1280, height=720)])
    with agent(gateway):
        until(lambda: bool(ffmpeg_pids(os.getpid())))
        gateway.faults.renew = 410
        until(lambda: not ffmpeg_pids(os.getpid()), 10.0)
    assert not gateway.stored


def test_an_ffmpeg_that_cannot_make_several_makes_one_after_the_other(
    gateway: Gateway, tmp_path: Path, chunk: bytes
) -> None:
    program = f"""
if sum(word.startswith("pipe:") for word in sys.argv) > 2:
    sys.exit("Too many outputs.")
os.execv({find()!r}, [{find()!r}, *sys.argv[1:]])
"""
    leases = gateway.offer_together(LADDER)
    with agent(gateway, stub(tmp_path, program)):
        gateway.wait("deliver", times=3)
    assert [gateway.stored[lease] for lease in leases] == [alone(recipe, chunk) for recipe in LADDER]
    assert not gateway.seen("fail")


def test_what_is_made_one_after_the_other_is_all_made_by_a_worker_that_is_to_stop(
    gateway: Gateway, tmp_path: Path
) -> None:
    """All of it was begun when it was tried together."""
    program = f"""
if sum(word.startswith("pipe:") for word in sys.argv) > 2:
    open({str(tmp_path / "begun")!r}, "w").close()
    while not os.path.exists({str(tmp_path / "go")!r}): time.sleep(0.01)
    sys.exit("Too many outputs.")
os.execv({find()!r}, [{find()!r}, *sys.argv[1:]])
"""
    leases = gateway.offer_together(LADDER)
    with agent(gateway, stub(tmp_path, program)) as running:
        until((tmp_path / "begun").exists)
        running.drain()
        (tmp_path / "go").touch()
        gateway.wait("deliver", times=3)
    assert gateway.stored.keys() == set(leases)
    assert not gateway.seen("fail")


def test_what_waits_to_be_made_again_ends_with_its_deadline(gateway: Gateway, tmp_path: Path) -> None:
    """And that is told, once."""
    program = """
if sum(word.startswith("pipe:") for word in sys.argv) > 2:
    sys.exit("Too many outputs.")
if "pipe:0" in sys.argv: time.sleep(60)
"""
    leases = gateway.offer_together(LADDER)
    gateway.grants[0] = replace(
        gateway.grants[0],
        deadline_seconds=4.0,
        more=tuple(replace(grant, deadline_seconds=2.0) for grant in gateway.grants[0].more),
    )
    with agent(gateway, stub(tmp_path, program)):
        gateway.wait("fail", times=3)
    assert sorted(gateway.seen("failed")) == sorted(leases)
    assert all("given up" in failure["message"] for failure in gateway.seen("fail"))


def test_what_was_tried_before_is_made_alone(gateway: Gateway, started: list[list[str]]) -> None:
    gateway.offer_together(LADDER)
    gateway.grants[:] = [
        replace(gateway.grants[0], more=tuple(replace(g, attempt=2) for g in gateway.grants[0].more))
    ]
    with agent(gateway):
        gateway.wait("deliver", times=3)
    assert len(started) == 3


def test_what_differs_before_its_pictures_is_made_one_after_the_other(gateway: Gateway) -> None:
    """As several chunks in one lease are."""
    gateway.offer_together([GUARDED, RECIPE, SMALLER])
    with agent(gateway):
        gateway.wait("deliver", times=3)
    assert sorted(delivery["frames"] for delivery in gateway.seen("deliver")) == [40, 40, FRAMES]


def test_what_of_a_lease_is_not_begun_is_given_back(gateway: Gateway) -> None:
    leases = gateway.offer_together([ENDLESS, GUARDED, RECIPE])
    with agent(gateway) as running:
        until(lambda: set(leases) <= set(gateway.seen("renewed")))
        running.drain()
        gateway.wait("fail", times=2)
        assert sorted(gateway.seen("failed")) == leases[1:]
    assert not gateway.stored


def test_only_renditions_of_one_chunk_are_alike() -> None:
    assert all(alike(GUARDED, other) for other in (SMALLER, FINER, HEVC, VP9))
    for other in (RECIPE, RETIMED[0], replace(GUARDED, deinterlace=True), replace(GUARDED, start=Fraction(10))):
        assert not alike(GUARDED, other)
        with pytest.raises(ValueError, match="not of one chunk"):
            together([GUARDED, other], 1, ["pipe:9"])


def test_deinterlacing_is_done_once() -> None:
    recipes = [replace(recipe, deinterlace=True) for recipe in LADDER]
    command = together(recipes, 2, ["pipe:7", "pipe:9"])
    graph = command[command.index("-filter_complex") + 1]
    assert graph.count("bwdif") == 1
    assert graph.count("scale=") == 3
    assert command.count("-map") == 3
    assert [word for word in command if word.startswith("pipe:")] == ["pipe:0", "pipe:1", "pipe:7", "pipe:9"]
