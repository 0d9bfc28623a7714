"""Downloads and uploads that break: what can be saved is, and nothing wrong is stored."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from acting_gateway import RECIPE, Faults, Gateway, agent, stub, until

from fallow.ffmpeg.commands import arguments
from fallow.ffmpeg.locate import find
from fallow.worker import upload
from fallow.worker.connection import PIECE


@pytest.fixture(scope="session")
def part(chunk: bytes) -> bytes:
    """What FFmpeg makes of the chunk."""
    command = [find(), *arguments(RECIPE, 1)]
    made = subprocess.run(command, input=chunk, capture_output=True, check=True).stdout
    assert len(made) > 2 * PIECE  # its upload begins in the middle of the encode
    return made


def in_two_halves(tmp_path: Path, part: bytes) -> str:
    """A program that makes the part, and waits in the middle of it for a file `go`."""
    (tmp_path / "part").write_bytes(part)
    body = f"""
sys.stdin.buffer.read()
part = open({str(tmp_path / "part")!r}, "rb").read()
sys.stdout.buffer.write(part[:{len(part) // 2}])
sys.stdout.buffer.flush()
while not os.path.exists({str(tmp_path / "go")!r}): time.sleep(0.01)
sys.stdout.buffer.write(part[{len(part) // 2}:])
"""
    return stub(tmp_path, body)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(cut_get=True), "The download ended after"),
        (Faults(flip_get=True), "not the ones that were stored"),
        (Faults(get_status=403), r"status 403 \(No\.\)"),
        (Faults(put_status=500), "There is no room left."),
        (Faults(put_status=507), "There is no room left."),
        (Faults(put_status=507, put_early=True), "no room left|upload broke off"),
        (Faults(break_put=1000), "broke off|not acknowledged"),
        (Faults(away_put=[503] * 1000), "status 503"),
    ],
    ids=["cut", "flipped", "forbidden", "500", "507", "507 at once", "breaks again and again", "away for ever"],
)
def test_a_failed_transfer_stores_nothing(gateway: Gateway, faults: Faults, words: str) -> None:
    gateway.faults = faults
    gateway.offer(RECIPE)
    with agent(gateway, away=1.0):
        failure = gateway.wait("fail")
        gateway.faults = Faults()
        # The agent is as good as before.
        gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert failure["kind"] == "retryable"
    assert re.search(words, failure["message"])
    assert len(gateway.stored) == 1


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_broken_download_goes_on_where_it_was(gateway: Gateway, part: bytes, ranges: bool) -> None:
    gateway.faults = Faults(break_get=3, ranges=ranges)
    lease = gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("deliver")
    quarters = [len(gateway.data) * n // 4 for n in range(4)]
    assert gateway.seen("get") == (quarters if ranges else [0] * 4)
    assert gateway.stored == {lease: part}
    assert not gateway.seen("fail")


@pytest.mark.parametrize(
    ("faults", "puts"),
    [
        (Faults(break_put=2), 3),
        (Faults(unheard_put=True), 2),
        (Faults(away_put=[503, 502]), 3),
    ],
    ids=["broken", "unheard", "away"],
)
def test_a_broken_upload_is_done_again(gateway: Gateway, part: bytes, faults: Faults, puts: int) -> None:
    gateway.faults = faults
    lease = gateway.offer(RECIPE)
    with agent(gateway):
        delivery = gateway.wait("deliver")
    assert len(gateway.seen("put")) == puts
    assert gateway.stored == {lease: part}
    assert delivery["sha256"] == hashlib.sha256(part).hexdigest()
    assert not gateway.seen("fail")


def test_an_upload_is_begun_without_a_length_and_done_again_with_one(gateway: Gateway, part: bytes) -> None:
    gateway.faults = Faults(away_put=[503])
    lease = gateway.offer(RECIPE)
    with agent(gateway):
        gateway.wait("deliver")
    assert gateway.seen("put") == ["chunked", "whole"]
    assert gateway.stored == {lease: part}


def test_a_part_goes_the_shorter_way_when_it_is_whole(gateway: Gateway, part: bytes) -> None:
    gateway.faults = Faults(away_put=[503])
    gateway.offer(RECIPE, whole_url="/bucket/part?sig=1", whole_headers={"x-ms-blob-type": "BlockBlob"})
    with agent(gateway):
        gateway.wait("deliver")
    assert gateway.seen("put") == ["whole", "whole"]
    assert gateway.seen("put path") == ["/bucket/part?sig=1"] * 2
    assert gateway.seen("put kind") == ["BlockBlob"] * 2
    assert gateway.stored == {"part": part}


def test_a_part_too_large_to_be_kept_does_not(
    gateway: Gateway, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "KEPT", 1000)
    lease = gateway.offer(RECIPE, whole_url="/bucket/part?sig=1")
    with agent(gateway):
        gateway.wait("deliver")
    assert gateway.seen("put") == ["chunked"]
    assert gateway.stored == {lease: part}


def test_a_gateway_may_be_away_in_the_middle_of_an_encode(gateway: Gateway, tmp_path: Path, part: bytes) -> None:
    gateway.faults.deliver = [503]
    lease = gateway.offer(RECIPE)
    with agent(gateway, in_two_halves(tmp_path, part)):
        gateway.wait("put")
        gateway.stop()
        gateway.wait("cut")
        (tmp_path / "go").touch()
        gateway.start()
        gateway.wait("deliver")
    assert gateway.stored == {lease: part}
    assert not gateway.seen("fail")


@pytest.mark.parametrize("kept", [upload.KEPT, 1000], ids=["all is kept", "FFmpeg has to wait"])
def test_a_gateway_may_be_away_when_an_upload_is_to_begin(
    gateway: Gateway, tmp_path: Path, part: bytes, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "KEPT", kept)
    (tmp_path / "part").write_bytes(part)
    program = f"""
sys.stdin.buffer.read()
while not os.path.exists({str(tmp_path / "go")!r}): time.sleep(0.01)
sys.stdout.buffer.write(open({str(tmp_path / "part")!r}, "rb").read())
sys.stdout.close()
open({str(tmp_path / "written")!r}, "w").close()
"""
    lease = gateway.offer(RECIPE)
    with agent(gateway, stub(tmp_path, program)):
        gateway.wait("renew")
        gateway.stop()
        (tmp_path / "go").touch()
        if kept > len(part):
            until((tmp_path / "written").exists)
        gateway.start()
        gateway.wait("deliver")
    assert gateway.stored == {lease: part}
    assert not gateway.seen("fail")


def test_a_part_that_is_too_large_to_keep_is_lost_with_its_connection(
    gateway: Gateway, tmp_path: Path, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "KEPT", 1000)
    gateway.offer(RECIPE)
    with agent(gateway, in_two_halves(tmp_path, part)):
        gateway.wait("put")
        gateway.stop()
        gateway.wait("cut")
        gateway.start()
        (tmp_path / "go").touch()
        failure = gateway.wait("fail")
        lease = gateway.offer(RECIPE)
        gateway.wait("deliver")
    assert failure["kind"] == "retryable"
    assert "broke off" in failure["message"]
    assert gateway.stored == {lease: part}


def test_a_lease_that_is_over_is_not_waited_for(gateway: Gateway, part: bytes) -> None:
    gateway.faults = Faults(break_put=1000)
    first = gateway.offer(RECIPE)
    with agent(gateway, away=3600.0):
        gateway.wait("broken", times=3)
        gateway.faults.over = first
        second = gateway.offer(RECIPE)
        until(lambda: not gateway.grants)
        gateway.faults.break_put = 0
        gateway.wait("deliver")
    assert gateway.stored == {second: part}
    assert not gateway.seen("fail")
