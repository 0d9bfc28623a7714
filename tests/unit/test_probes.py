"""Whether a process lives, and whether it can work: what probes are told."""

import asyncio
import dataclasses
import json
import threading

import pytest
from serving import Caller, serving

from fallow.services import questions
from fallow.services.probes import Readiness
from fallow.services.run import Platform
from fallow.settings import Settings


@pytest.fixture
async def caller(tmp_path):
    async with serving(tmp_path) as caller:
        yield caller


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(questions, "WITHIN", 0.05)
    monkeypatch.setattr("fallow.services.probes.FRESH", 0.0)


async def test_a_platform_that_works_is_ready(caller):
    answer = await caller.get("/readyz")
    assert (answer.status, answer.json) == (200, {"status": "ready"})


async def test_what_does_not_answer_is_told_and_the_process_lives_all_the_same(caller):
    await caller.ctx.queue.close()
    answer = await caller.get("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unready", "queue": "The queue is closed."})
    assert (await caller.get("/healthz")).json["status"] == "ok"


async def test_a_ledger_that_hangs_is_not_waited_for_and_asked_no_second_time(impatient, caller):
    held, asked = threading.Event(), []
    hanging = [asyncio.create_task(caller.ctx.ledger._database.read(lambda _: held.wait())) for _ in range(2)]
    await asyncio.sleep(0)
    asking = caller.ctx.ledger.worker_of_token
    caller.ctx.ledger.worker_of_token = lambda token: asked.append(token) or asking(token)
    for _ in range(3):
        answer = await caller.get("/readyz")
        assert answer.status == 503
        assert answer.json["ledger"] == "The ledger did not answer within 0.05 s."
    assert (await caller.get("/healthz")).status == 200
    assert len(asked) == 1
    held.set()
    await asyncio.gather(*hanging)
    assert (await caller.get("/readyz")).json == {"status": "ready"}


async def test_an_error_of_unknown_kind_tells_no_secret(caller):
    class Store:
        async def stat(self, key):
            raise RuntimeError("https://user:secret@store")

    status, told = await Readiness(dataclasses.replace(caller.ctx, store=Store())).view()
    assert (status, told["store"]) == (503, "The store cannot be used: RuntimeError.")


async def test_who_stops_is_not_ready(caller):
    caller.ctx.draining.set()
    answer = await caller.get("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "draining"})
    assert (await caller.get("/healthz")).status == 200


async def test_a_platform_that_drains_says_so_while_it_still_answers(tmp_path):
    async with Platform(Settings(data=tmp_path / "data", port=0, workers=0, log="off")) as platform:
        caller = Caller(int(platform.url.rpartition(":")[2]))
        assert (await caller.get("/readyz")).status == 200
        await platform.drain()
        answer = await caller.get("/readyz")
        assert (answer.status, answer.json) == (503, {"status": "draining"})
        assert (await caller.get("/healthz")).status == 200


async def test_the_log_has_each_change_once(impatient, caller, caplog):
    caplog.set_level("INFO", "fallow")
    broker = caller.ctx.queue
    for _ in range(2):
        await caller.get("/readyz")
    broker._closed = True
    for _ in range(2):
        await caller.get("/readyz")
    broker._closed = False
    for _ in range(2):
        await caller.get("/readyz")
    actions = [record.fields["action"] for record in caplog.records]
    assert actions == ["service.unready", "service.ready"]
    assert json.dumps(caplog.records[0].fields["backends"]) == '"queue"'


async def test_an_answer_that_came_too_late_for_anybody_is_not_taken_for_news():
    numbers, gate = iter([1, 2]), asyncio.Event()

    async def ask():
        number = next(numbers)
        await gate.wait()
        return number

    question = questions.Question("queue", ask, 0.0)
    gone = asyncio.create_task(question.answer())
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    await asyncio.sleep(0.01)
    assert await question.answer() == 2


async def test_however_many_ask_a_back_end_is_asked_once():
    asked = []

    async def ask():
        asked.append(1)
        await asyncio.sleep(0.01)
        return 7

    question = questions.Question("queue", ask, 60.0)
    assert await asyncio.gather(*(question.answer() for _ in range(5))) == [7] * 5
    assert (await question.answer(), len(asked)) == (7, 1)
