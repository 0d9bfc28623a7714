"""Calls that share a transaction, and rounds that share their work."""

import asyncio

import pytest

from fallow.adapters import ledger_together
from fallow.adapters.ledger_together import MOST, Together
from fallow.pipeline.rounds import Rounds


class Answering:
    """Doubles numbers; -1 is an error of its own, and 13 spoils the whole batch that it is in."""

    def __init__(self):
        self.batches = []
        self.asked = asyncio.Event()

    async def __call__(self, items):
        self.batches.append(list(items))
        self.asked.set()
        await asyncio.sleep(0)
        if 13 in items:
            raise RuntimeError("13")
        return [ValueError("-1") if item == -1 else 2 * item for item in items]


async def test_what_comes_meanwhile_is_answered_together():
    answering = Answering()
    double = Together(answering)
    assert await asyncio.gather(*(double(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert await double(7) == 14
    assert answering.batches == [[0, 1, 2, 3, 4], [7]]


async def test_where_several_came_a_moment_is_waited_for_more(monkeypatch):
    monkeypatch.setattr(ledger_together, "GATHER", 0.05)
    answering = Answering()
    double = Together(answering)
    asking = [asyncio.create_task(double(n)) for n in range(3)]
    await answering.asked.wait()
    asking += [asyncio.create_task(double(n)) for n in range(3, 5)]
    await asyncio.gather(*asking[:3])
    asking += [asyncio.create_task(double(n)) for n in range(5, 7)]
    await asyncio.gather(*asking)
    assert answering.batches == [[0, 1, 2], [3, 4, 5, 6]]


async def test_a_batch_has_an_end():
    answering = Answering()
    double = Together(answering)
    await asyncio.gather(*(double(n + 20) for n in range(2 * MOST)))
    assert [len(batch) for batch in answering.batches] == [MOST, MOST]


async def test_an_error_is_that_of_its_item_alone():
    double = Together(Answering())
    told = await asyncio.gather(*(double(n) for n in (1, -1, 13, 2)), return_exceptions=True)
    assert (told[0], type(told[1]), type(told[2]), told[3]) == (2, ValueError, RuntimeError, 4)


async def test_who_has_gone_takes_nobody_along():
    double = Together(Answering())
    asking = [asyncio.create_task(double(n)) for n in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    assert await asyncio.gather(*asking[1:]) == [2, 4]
    assert await double(5) == 10


class Work:
    def __init__(self):
        self.rounds, self.wanted, self.seen = 0, 0, []

    async def __call__(self):
        self.rounds += 1
        self.seen.append(self.wanted)
        await asyncio.sleep(0.01)
        if self.wanted == 13:
            raise RuntimeError("13")


async def test_a_round_is_shared_by_all_who_asked_before_it_began():
    rounds, work = Rounds(), Work()

    async def ask(number):
        work.wanted = number
        await rounds.share("job", work)
        assert max(work.seen) >= number

    first = asyncio.create_task(ask(1))
    await asyncio.sleep(0.001)
    await asyncio.gather(*(ask(n) for n in range(2, 9)), first)
    assert work.seen == [1, 8]


async def test_jobs_have_rounds_of_their_own():
    rounds, work = Rounds(), Work()
    await asyncio.gather(rounds.share("a", work), rounds.share("b", work))
    assert work.rounds == 2


async def test_an_error_of_a_round_is_told_to_all_who_share_it_and_the_next_one_is_new():
    rounds, work = Rounds(), Work()
    work.wanted = 13
    told = await asyncio.gather(*(rounds.share("job", work) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in told] == [RuntimeError] * 2
    work.wanted = 1
    await rounds.share("job", work)


async def test_who_goes_does_not_end_the_round_of_the_others():
    rounds, work = Rounds(), Work()
    asking = [asyncio.create_task(rounds.share("job", work)) for _ in range(2)]
    await asyncio.sleep(0.001)
    asking[0].cancel()
    await asking[1]
    assert work.rounds == 1
    with pytest.raises(asyncio.CancelledError):
        await asking[0]
