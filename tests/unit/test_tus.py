"""Resumable uploads as tus 1.0 says, by raw HTTP."""

import asyncio
import base64
import hashlib
import random

import pytest
from persons import PLATFORM, logged_in, quick_hashes  # noqa: F401 - a fixture
from serving import serving

from fallow.errors import StorageFull
from fallow.messages import to_wire
from fallow.people import Role
from fallow.pipeline import keys
from fallow.pipeline.arrived import arrived
from fallow.profiles import Profile
from fallow.services.entry import Login

PROFILE = to_wire(Profile("small", width=64, height=64, crf=30.0, preset="ultrafast"))
UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
MIB = 1 << 20


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


def metadata(**pairs):
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


async def a_job(caller, **more):
    body = {"name": "film.mov", "profiles": [PROFILE], **more}
    return (await caller.send("POST", "/api/v1/jobs", body)).json["id"]


async def declare(caller, job, length, body=b"", headers=(), **pairs):
    told = {"Upload-Length": str(length), "Upload-Metadata": metadata(job=job, **pairs)}
    return await caller.send("POST", UPLOADS, body, {**TUS, **told, **dict(headers)})


async def begun(caller, length, **pairs):
    """The path of a new upload of a new job."""
    answer = await declare(caller, await a_job(caller), length, **pairs)
    assert answer.status == 201
    return answer.headers["location"]


def patch(offset, **more):
    return {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **more}


async def send(caller, path, offset, data, **more):
    return await caller.send("PATCH", path, data, patch(offset, **more))


async def head(caller, path):
    return await caller.send("HEAD", path, headers=TUS)


async def offset(caller, path):
    answer = await head(caller, path)
    assert answer.status == 200
    return int(answer.headers["upload-offset"])


async def source(caller, path):
    """What has come, to the byte."""
    came = await arrived(caller.ctx, path.rpartition("/")[2])
    pieces = [await caller.ctx.store.read(piece.key, 0, piece.size) for piece in came.pieces]
    return b"".join(pieces)


async def state(caller, path):
    return (await caller.get(path.replace("uploads", "jobs"))).json["state"]


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)


def checksum(algorithm, data):
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"}


# core


async def test_what_is_spoken_is_told(caller):
    for path in (UPLOADS, f"{UPLOADS}/any"):
        answer = await caller.send("OPTIONS", path)
        assert (answer.status, answer.headers["tus-version"]) == (204, "1.0.0")
        extensions = {"creation", "creation-with-upload", "termination", "checksum", "expiration"}
        assert set(answer.headers["tus-extension"].split(",")) == extensions
        assert set(answer.headers["tus-checksum-algorithm"].split(",")) == {"sha1", "sha256"}
        assert int(answer.headers["tus-max-size"]) == caller.ctx.policy.source_bytes


async def test_a_source_comes_in_several_requests_and_is_the_same(caller):
    data = noise(3 * MIB + 17)
    path = await begun(caller, len(data), filename="film.mov")
    for place in range(0, len(data), 700_001):
        answer = await send(caller, path, place, data[place : place + 700_001])
        assert (answer.status, answer.headers["tus-resumable"]) == (204, "1.0.0")
        assert int(answer.headers["upload-offset"]) == min(len(data), place + 700_001)
    assert await source(caller, path) == data
    assert await state(caller, path) == "splitting"
    answer = await head(caller, path)
    assert [answer.headers[name] for name in ("upload-offset", "upload-length")] == [str(len(data))] * 2
    assert "upload-expires" not in answer.headers


async def test_where_an_upload_stands_is_told(caller):
    path = await begun(caller, 10, filename="film.mov")
    await send(caller, path, 0, b"abc")
    answer = await head(caller, path)
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("3", "10")
    assert "filename " in answer.headers["upload-metadata"]
    assert answer.headers["upload-expires"].endswith("GMT")
    shown = (await caller.get(path)).json
    assert (shown["offset"], shown["length"], shown["expires"] > 0) == (3, 10, True)


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
async def test_other_versions_are_refused_and_nothing_is_done(caller, version):
    path = await begun(caller, 10)
    for method in ("HEAD", "PATCH", "DELETE"):
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", **version}
        answer = await caller.send(method, path, b"" if method == "HEAD" else b"abc", headers)
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
    assert await offset(caller, path) == 0


async def test_an_offset_that_does_not_fit_is_a_conflict(caller):
    path = await begun(caller, 10)
    await send(caller, path, 0, b"abc")
    for wrong in (0, 2, 4, 10):
        answer = await send(caller, path, wrong, b"xyz")
        assert (answer.status, "byte 3" in answer.json["title"]) == (409, True)
    assert (await send(caller, path, 3, b"")).status == 204
    assert await source(caller, path) == b"abc"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Upload-Offset": "x"}, 400),
        ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": ""}, 400),
        ({"Upload-Checksum": "md5 AAAA"}, 400),
        ({"Upload-Checksum": "sha1 AAAA"}, 400),
        ({"Upload-Checksum": "sha1"}, 400),
    ],
)
async def test_what_cannot_be_understood_is_refused_with_a_sentence(caller, headers, status):
    path = await begun(caller, 10)
    answer = await caller.send("PATCH", path, b"abc", {**patch(0), **headers})
    assert (answer.status, answer.headers["tus-resumable"]) == (status, "1.0.0")
    assert answer.json["title"].endswith((".", "Base64."))
    assert await offset(caller, path) == 0


async def test_more_than_was_declared_is_refused(caller):
    path = await begun(caller, 10)
    assert (await send(caller, path, 0, b"x" * 11)).status == 413
    assert await source(caller, path) == b""
    chunked = b"b\r\nhello world\r\n0\r\n\r\n"
    answer = await caller.send("PATCH", path, chunked, patch(0, **{"Transfer-Encoding": "chunked"}))
    assert answer.status == 413
    assert await state(caller, path) == "uploading"


async def test_a_source_of_chunks_of_unknown_size_comes(caller):
    path = await begun(caller, 11)
    chunked = b"b\r\nhello world\r\n0\r\n\r\n"
    answer = await caller.send("PATCH", path, chunked, patch(0, **{"Transfer-Encoding": "chunked"}))
    assert (answer.status, await source(caller, path)) == (204, b"hello world")


async def test_unknown_uploads_are_not_found(caller):
    job = await a_job(caller)
    for path in (f"{UPLOADS}/none", f"{UPLOADS}/{job}"):
        for method in ("HEAD", "PATCH", "DELETE"):
            answer = await caller.send(method, path, b"" if method == "HEAD" else b"abc", patch(0))
            assert answer.status == 404
            assert "upload-offset" not in answer.headers


async def test_expired_uploads_are_gone(caller):
    path = await begun(caller, 10)
    real = caller.ctx.clock.now
    caller.ctx.clock.now = lambda: real() + 2 * 86400
    for method in ("HEAD", "PATCH", "DELETE"):
        assert (await caller.send(method, path, b"" if method == "HEAD" else b"abc", patch(0))).status == 410


async def test_uploads_of_ended_jobs_are_gone(caller):
    path = await begun(caller, 10)
    await caller.send("POST", path.replace("uploads", "jobs") + "/cancel")
    assert (await head(caller, path)).status == 410
    assert (await send(caller, path, 0, b"abc")).status == 410


async def test_methods_come_through_proxies_that_know_few(caller):
    path = await begun(caller, 3)

    async def instead(method, body=b"", **more):
        return await caller.send("POST", path, body, {**patch(0, **more), "X-HTTP-Method-Override": method})

    assert (await instead("HEAD")).headers["upload-offset"] == "0"
    assert (await instead("PATCH", b"ab")).headers["upload-offset"] == "2"
    assert (await instead("DELETE")).status == 204
    assert (await instead("GET")).status == 405
    assert (await head(caller, path)).status == 404


# creation


async def test_an_upload_is_begun_for_a_job_that_waits_for_it(caller):
    assert (await declare(caller, "none", 10)).status == 404
    assert (await caller.send("POST", UPLOADS, headers={**TUS, "Upload-Length": "10"})).status == 400
    job = await a_job(caller)
    for length in ("", "-1", "1e3"):
        assert (await declare(caller, job, length)).status == 400
    bad = {**TUS, "Upload-Length": "10", "Upload-Metadata": "job %%%"}
    assert (await caller.send("POST", UPLOADS, headers=bad)).status == 422
    assert (await declare(caller, job, caller.ctx.policy.source_bytes + 1)).status == 413
    answer = await declare(caller, job, 10)
    assert (answer.status, answer.headers["location"]) == (201, f"{UPLOADS}/{job}")
    await send(caller, f"{UPLOADS}/{job}", 0, b"x" * 10)
    assert (await declare(caller, job, 10)).status == 409


async def test_an_empty_source_is_whole_at_once(caller):
    path = await begun(caller, 0)
    assert (await state(caller, path), await offset(caller, path)) == ("splitting", 0)


async def test_bytes_may_come_with_the_creation(caller):
    job = await a_job(caller)
    kind = {"Content-Type": "application/offset+octet-stream"}
    answer = await declare(caller, job, 5, b"abc", kind)
    assert (answer.status, answer.headers["upload-offset"]) == (201, "3")
    assert (await send(caller, answer.headers["location"], 3, b"de")).status == 204
    assert await source(caller, answer.headers["location"]) == b"abcde"


async def test_the_same_file_goes_on_and_another_one_begins_anew(caller):
    job = await a_job(caller)
    path = (await declare(caller, job, 10, fingerprint="a")).headers["location"]
    await send(caller, path, 0, b"abc")
    again = await declare(caller, job, 10, fingerprint="a")
    assert (again.status, again.headers["upload-offset"]) == (201, "3")
    kind = {"Content-Type": "application/offset+octet-stream"}
    again = await declare(caller, job, 10, b"abcdef", kind, fingerprint="a")
    assert (again.status, again.headers["upload-offset"]) == (201, "3")
    for length, pairs in ((10, {"fingerprint": "b"}), (11, {"fingerprint": "b"}), (11, {})):
        await declare(caller, job, length, **pairs)
        assert await offset(caller, path) == 0
        await send(caller, path, 0, b"abc")
    await declare(caller, job, 11)  # nobody says that it is the same
    assert await offset(caller, path) == 0


# termination


async def test_what_is_given_up_leaves_nothing_and_another_may_begin(caller):
    path = await begun(caller, 10)
    await send(caller, path, 0, b"abc")
    assert (await caller.send("DELETE", path, headers=TUS)).status == 204
    assert [facts.key async for facts in caller.ctx.store.list("jobs/")] == []
    assert (await head(caller, path)).status == 404
    job = path.rpartition("/")[2]
    await declare(caller, job, 3)
    await send(caller, path, 0, b"xyz")
    assert (await source(caller, path), await state(caller, path)) == (b"xyz", "splitting")
    assert (await caller.send("DELETE", path, headers=TUS)).status == 409


# checksum


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_what_comes_is_proven_when_its_checksum_is_told(caller, algorithm):
    path = await begun(caller, 10)
    assert (await send(caller, path, 0, b"abc", **checksum(algorithm, b"abc"))).status == 204
    answer = await send(caller, path, 3, b"xyz", **checksum(algorithm, b"xyZ"))
    assert (answer.status, answer.json["kind"]) == (460, "retryable")
    assert await source(caller, path) == b"abc"
    assert (await send(caller, path, 3, b"defghij", **checksum(algorithm, b"defghij"))).status == 204
    assert await source(caller, path) == b"abcdefghij"


async def test_nothing_stays_of_what_broke_off_before_it_was_proven(caller):
    path = await begun(caller, 2 * MIB)
    data = bytes(2 * MIB)
    headers = patch(0, **checksum("sha1", data), **{"Content-Length": str(len(data))})
    await caller.send("PATCH", path, data[:-1], headers, whole=False)
    assert await offset(caller, path) == 0
    most = await begun(caller, 17 * MIB)
    assert (await send(caller, most, 0, bytes(17 * MIB), **checksum("sha1", b""))).status == 413
    assert await offset(caller, most) == 0


@pytest.mark.parametrize("right", [True, False])
async def test_the_whole_is_compared_with_the_digest_that_was_promised(caller, right):
    data = noise(2 * MIB)
    path = await begun(caller, len(data), sha256=hashlib.sha256(data if right else b"other").hexdigest())
    await send(caller, path, 0, data[:MIB])
    answer = await send(caller, path, MIB, data[MIB:])
    assert answer.status == (204 if right else 460)
    assert await state(caller, path) == ("splitting" if right else "uploading")
    assert (await head(caller, path)).status == (200 if right else 404)


# what breaks off


async def test_what_came_before_it_broke_off_is_kept_to_the_byte(caller):
    data = noise(3 * MIB)
    path = await begun(caller, len(data))
    part = data[: 2 * MIB + 12_345]
    await caller.send("PATCH", path, part, patch(0, **{"Content-Length": str(len(data))}), whole=False)
    await stored(caller, path, len(part))
    assert await source(caller, path) == part
    assert (await send(caller, path, len(part), data[len(part) :])).status == 204
    assert await source(caller, path) == data
    came = await arrived(caller.ctx, path.rpartition("/")[2])
    assert [piece.size for piece in came.pieces] == [MIB, MIB, 12_345, MIB - 12_345]


class Hanging:
    """A request that is begun, and whose end never comes."""

    def __init__(self, caller, path, offset, data, size):
        self._head = patch(offset, **{"Content-Length": str(size), "Host": f"localhost:{caller.port}"})
        self._where, self._data = (caller.port, path), data

    async def __aenter__(self):
        port, path = self._where
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in self._head.items())
        self.writer.write(f"PATCH {path} HTTP/1.1\r\n{lines}\r\n".encode() + self._data)
        await self.writer.drain()
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def status(self):
        return int((await asyncio.wait_for(self.reader.readline(), 60)).split()[1])


async def stored(caller, path, size):
    job = path.rpartition("/")[2]
    for _ in range(6000):
        if (await arrived(caller.ctx, job)).size >= size:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it was not stored")


async def test_who_comes_later_does_not_wait_for_a_dead_connection(caller):
    data = noise(3 * MIB)
    path = await begun(caller, len(data))
    async with Hanging(caller, path, 0, data[: MIB + 1000], len(data)) as dead:
        await stored(caller, path, MIB)
        assert await offset(caller, path) == MIB + 1000
        assert await dead.status() == 423
    async with Hanging(caller, path, MIB + 1000, data[MIB + 1000 : 2 * MIB + 7], len(data) - MIB - 1000) as dead:
        await stored(caller, path, 2 * MIB)
        assert (await send(caller, path, 2 * MIB + 7, data[2 * MIB + 7 :])).status == 204
        assert await dead.status() == 423
    assert await source(caller, path) == data


async def test_of_two_at_once_one_goes_on_at_a_time(caller):
    data = noise(2 * MIB)
    path = await begun(caller, len(data))
    answers = await asyncio.gather(*(send(caller, path, 0, data) for _ in range(6)))
    assert {answer.status for answer in answers} <= {204, 409, 423}
    while (done := await offset(caller, path)) < len(data):
        await send(caller, path, done, data[done:])
    assert await source(caller, path) == data


async def test_who_comes_later_at_another_gateway_wins_too(caller, tmp_path):
    data = noise(4 * MIB)
    path = await begun(caller, len(data))
    async with serving(tmp_path) as other:
        async with Hanging(caller, path, 0, data[: MIB + 1000], len(data)) as old:
            await stored(caller, path, MIB)
            assert await offset(other, path) == MIB
            assert (await send(other, path, MIB, data[MIB : 2 * MIB + 5])).status == 204
            old.writer.write(data[MIB + 1000 : 3 * MIB])
            assert await old.status() == 423
        assert await offset(caller, path) == 2 * MIB + 5
        assert (await send(caller, path, 2 * MIB + 5, data[2 * MIB + 5 :])).status == 204
        assert await source(other, path) == data
        assert await state(other, path) == "splitting"


async def test_what_somebody_stored_who_was_given_up_does_no_harm(caller):
    data = noise(2 * MIB)
    path = await begun(caller, len(data))
    await send(caller, path, 0, data[: MIB + 10])
    job = path.rpartition("/")[2]
    (piece, *_) = (await arrived(caller.ctx, job)).pieces
    for place, size in ((MIB, 400_000), (0, 5), (MIB - 5, 5)):
        some = data[place : place + size]
        key = keys.piece(job, keys.upload_of(piece.key), place, size, hashlib.sha256(some).hexdigest())
        await caller.ctx.store.put(key, some)
    assert await offset(caller, path) == MIB + 400_000
    await send(caller, path, MIB + 400_000, data[MIB + 400_000 :])
    assert await source(caller, path) == data


async def test_a_gateway_that_is_about_to_stop_sends_its_callers_on(caller):
    data = noise(2 * MIB)
    path = await begun(caller, len(data))
    async with Hanging(caller, path, 0, data[:500], len(data)) as hanging:
        await asyncio.sleep(0.1)
        caller.ctx.draining.set()
        assert await hanging.status() == 503
    caller.ctx.draining.clear()
    done = await offset(caller, path)
    assert (await send(caller, path, done, data[done:])).status == 204
    assert await source(caller, path) == data


async def test_a_full_disk_is_told_and_what_came_before_is_kept(caller, monkeypatch):
    data = noise(3 * MIB)
    path = await begun(caller, len(data))
    put, room = caller.ctx.store.put, [2]

    async def full(key, data):
        if "/upload/" in key:
            room[0] -= 1
            if room[0] < 0:
                raise StorageFull("No space is left; free some.")
        return await put(key, data)

    monkeypatch.setattr(caller.ctx.store, "put", full)
    answer = await send(caller, path, 0, data)
    assert (answer.status, "is kept" in answer.json["title"]) == (507, True)
    room[0] = 9
    assert await offset(caller, path) == 2 * MIB
    assert (await send(caller, path, 2 * MIB, data[2 * MIB :])).status == 204
    assert await source(caller, path) == data


async def test_what_was_all_there_when_its_gateway_died_is_begun(caller, monkeypatch):
    """By whoever asks next, or by the sweeper."""
    from fallow.pipeline import resumable, sweep

    async def died(*_):
        raise RuntimeError

    for asked in (True, False):
        path = await begun(caller, 3)
        with monkeypatch.context() as patched:
            patched.setattr(resumable, "finish", died)
            await caller.send("PATCH", path, b"abc", patch(0))
        if asked:
            assert await offset(caller, path) == 3
        else:
            real = caller.ctx.clock.now
            caller.ctx.clock.now = lambda real=real: real() + 600
            await sweep.sweep_uploads(caller.ctx)
        assert await state(caller, path) == "splitting"


async def test_a_source_that_is_put_at_once_takes_the_place_of_an_upload(caller):
    path = await begun(caller, 10)
    await send(caller, path, 0, b"abc")
    job = path.replace("uploads", "jobs")
    assert (await caller.send("PUT", f"{job}/source", b"whole")).status == 200
    assert await source(caller, path) == b"whole"
    assert await offset(caller, path) == 5


async def test_uploads_of_others_are_not_there(tmp_path):
    async with serving(tmp_path, PLATFORM, login=Login("shown-once")) as caller:
        anna, bert = [await logged_in(caller, name) for name in ("Anna", "Bert")]
        carl = await logged_in(caller, "Carl", Role.VIEWER)
        job = (await anna("POST", "/jobs", {"name": "film.mov", "profiles": [PROFILE]})).json["id"]
        told = {**TUS, "Upload-Length": "3", "Upload-Metadata": metadata(job=job)}
        assert (await bert("POST", "/uploads", b"", told)).status == 404
        assert (await carl("POST", "/uploads", b"", told)).status == 403
        assert (await anna("POST", "/uploads", b"", told)).status == 201
        for method in ("HEAD", "PATCH", "DELETE", "GET"):
            body = b"xyz" if method == "PATCH" else b""
            assert (await bert(method, f"/uploads/{job}", body, patch(0))).status == 404
        assert (await anna("PATCH", f"/uploads/{job}", b"abc", patch(0))).status == 204
        assert await source(caller, f"{UPLOADS}/{job}") == b"abc"
