"""What slow workers get: smaller renditions, or pieces of chunks; and that no frame is lost between these."""

import asyncio
import dataclasses
import math
from array import array
from fractions import Fraction
from itertools import pairwise

import pytest
from job_steps import BIG, FRAMES, INDEX, SMALL, encoding
from job_steps import ctx as ctx

from fallow.messages import LeaseRequest
from fallow.model import Chunk, TaskState, Worker, piece_number, piece_of
from fallow.pipeline import bundle, dispatch, divide, keys
from fallow.pipeline.context import Front
from fallow.pipeline.speeds import Fleet, seconds_of
from fallow.records import Setback

SLOW, FAST = {"libx264": 0.4}, {"libx264": 40.0}  # megapixels a second; a chunk of BIG has 5.76, one of SMALL 1.44
FILM = Chunk("j", 0, "k", "nut", 1000, 1250, 12, 30, 1, "")


async def asks(ctx, name, speeds, local=False):
    """The next tasks that it gets."""
    worker = Worker(name, name, local=local)
    first = await bundle.lease(ctx, worker, LeaseRequest(0.0, 1, 0.0, speeds), dispatch.claim)
    return (first.task.split(".")[2], piece_of(int(first.task.split(".")[3])), first.recipe["frames"])


@pytest.fixture
def small(monkeypatch, ctx):
    """Pieces may be of five frames, and of three seconds."""
    monkeypatch.setattr(divide, "SHORTEST", 0.2)
    return dataclasses.replace(ctx, policy=dataclasses.replace(ctx.policy, divide_seconds=3.0))


def test_pieces_are_the_whole_chunk_in_order() -> None:
    for ends in ((0, 16), (0, 5, 16), (0, 1, 2, 15, 16)):
        found = [FILM.piece(*pair) for pair in pairwise(ends)]
        assert [found[0].lo, *(one.hi for one in found)] == [1000, *(one.lo for one in found[1:]), 1250]
        assert {one.hi + one.guard for one in found} == {1262}
        assert {one.lo - one.before for one in found} == {970}
    assert FILM.piece(0, 16) == FILM


@pytest.mark.parametrize(
    ("begin", "end", "share", "least", "place"),
    [
        (0, 16, 0.5, 25, 8),
        (0, 16, 0.01, 25, 2),  # no less
        (0, 16, 0.99, 25, 14),  # nor is what is left
        (4, 8, 0.5, 25, 6),
        (0, 16, 0.5, 126, None),
        (3, 4, 0.5, 1, None),
    ],
)
def test_where_a_chunk_is_divided(begin, end, share, least, place):
    assert divide.places(FILM, begin, end, share, least) == place


async def test_what_takes_too_long(ctx):
    task = await ctx.ledger.task(f"{await encoding(ctx, BIG)}.video.big.00000")
    cost = task.spec.cost
    front = Front(11 * cost, (cost / 2.0, 0.0))  # two are at it, of whom one does a task in 2 s
    assert divide.too_long(task, 5.0, 2.0, front, 1.0) == 0.0  # ten tasks are left for two: 10 s
    assert divide.too_long(task, 25.0, 2.0, front, 1.0) == pytest.approx(10.0)
    assert divide.too_long(task, 25.0, 20.0, front, 1.0) == 0.0  # it is not much slower than others
    assert divide.too_long(task, 25.0, 2.0, Front(cost, (cost,)), 8.0) == pytest.approx(8.0)
    assert divide.too_long(task, 25.0, 2.0, Front(cost, ()), 8.0) == 0.0  # nobody else is there
    assert divide.too_long(task, math.inf, 2.0, front, 1.0) == 0.0


async def test_the_usual_worker_is_one_of_those_who_do_most(ctx):
    task = await ctx.ledger.task(f"{await encoding(ctx, BIG)}.video.big.00000")
    fleet = Fleet()
    assert fleet.usual(task) == math.inf
    for number in range(9):
        fleet.note(f"phone {number}", SLOW, 1000.0)
    assert fleet.usual(task) == pytest.approx(seconds_of(task, SLOW))
    fleet.note("pc", FAST, 1000.0)
    assert fleet.usual(task) == pytest.approx(seconds_of(task, FAST), rel=0.1)
    fleet.note("phone", SLOW, 5000.0)  # the others are forgotten
    assert fleet.usual(task) == pytest.approx(seconds_of(task, SLOW))


async def test_a_slow_worker_gets_a_piece_and_others_the_rest(small):
    job = await encoding(small, BIG)
    assert await asks(small, "pc", FAST) == ("big", (0, 0), 25)
    assert await asks(small, "phone", SLOW) == ("big", (1, 0), 6)
    assert await asks(small, "pc", FAST) == ("big", (2, 0), 25)
    assert await asks(small, "pc", FAST) == ("big", (1, 4), 19)
    _, found = await small.ledger.pieces(job, "big", 1)
    assert [task.spec.number for task in found] == [1, piece_number(1, 4)]
    assert sum(task.spec.frames for task in found) == 25


async def test_one_of_the_platform_or_one_that_tells_nothing_gets_whole_chunks(small):
    await encoding(small, BIG)
    assert await asks(small, "pc", FAST) == ("big", (0, 0), 25)
    assert await asks(small, "home", SLOW, local=True) == ("big", (1, 0), 25)
    assert await asks(small, "new", {}) == ("big", (2, 0), 25)


async def test_slow_workers_alone_get_whole_chunks(small):
    await encoding(small, BIG)
    assert [await asks(small, f"phone {n}", SLOW) for n in range(3)] == [("big", (n, 0), 25) for n in range(3)]


async def test_a_slow_worker_gets_a_small_rendition_rather_than_a_piece(small):
    small = dataclasses.replace(small, policy=dataclasses.replace(small.policy, divide_seconds=4.0))
    job = await encoding(small, BIG, SMALL)
    assert await asks(small, "pc", FAST) == ("big", (0, 0), 25)
    front = await divide.front_of(small, await small.ledger.task(f"{job}.video.big.00001"))
    of = (job, "libx264")
    small.fronts[of] = (small.clock.now(), dataclasses.replace(front, left=0.0))
    assert await asks(small, "phone", SLOW) == ("small", (0, 0), 25)
    # What it was offered waits for others.
    found = {await asks(small, "pc", FAST) for _ in range(4)}
    assert found == {("big", (1, 0), 25), ("big", (2, 0), 25), ("small", (1, 0), 25), ("small", (2, 0), 25)}


async def test_whose_smallest_piece_ends_long_after_all_the_rest_gets_nothing_while_others_are_at_it(small):
    job = await encoding(small, BIG)
    assert await asks(small, "pc", FAST) == ("big", (0, 0), 25)
    worker, crawling = Worker("phone", "phone"), {"libx264": 0.01}
    assert not await bundle.lease(small, worker, LeaseRequest(0.0, 1, 0.0, crawling), dispatch.claim)
    small.fronts.clear()
    (one,) = await small.ledger.running(job)
    await small.ledger.give_up(one.lease, Setback("It is gone.", None))
    await small.queue.get(["none"], 1.1)  # what was passed on comes again
    assert (await asks(small, "phone", crawling))[2] == 25


async def test_who_leaves_while_something_fitting_is_looked_for_loses_nothing(small, monkeypatch):
    job = await encoding(small, BIG)
    await asks(small, "pc", FAST)
    waits, go = asyncio.Event(), asyncio.Event()
    usual = divide.front_of

    async def slowly(*of):
        waits.set()
        await go.wait()
        return await usual(*of)

    monkeypatch.setattr(divide, "front_of", slowly)
    asking = asyncio.ensure_future(asks(small, "phone", SLOW))
    await waits.wait()
    asking.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not [task for task in await small.ledger.running(job) if task.worker == "phone"]
    assert len({await asks(small, "pc", FAST) for _ in range(3)}) == 3
    assert {task.state for task in await small.ledger.tasks(job) if task.spec.number} == {TaskState.LEASED}


async def test_pieces_have_together_the_recipe_of_the_chunk(small):
    job = await encoding(small, BIG)
    task = await small.ledger.task(f"{job}.video.big.00001")
    cut = await divide.cut_of(small, task, 0.5)
    assert cut is not None
    assert await divide.divide(small, task, cut)
    assert not await divide.divide(small, task, cut)  # not once more
    _, found = await small.ledger.pieces(job, "big", 1)
    head, rest = [(await small.ledger.task(one.id)).spec.recipe for one in found]
    whole = task.spec.recipe
    assert head["start"] == whole["start"]
    assert rest["end"] == whole["end"]
    assert rest["start"] == head["mark"]  # where the first ends, but for its guard
    assert head["frames"] + rest["frames"] == whole["frames"]
    assert head["guard"] == min(12, rest["frames"] + whole["guard"])
    alike = {"width", "height", "encoder", "rate", "time_base", "container", "output"}
    assert all(head[key] == rest[key] == whole[key] for key in alike)


async def test_where_pictures_share_a_time_nothing_is_divided(small):
    job = await encoding(small, BIG)
    times = array("q", [0, *(1000 * n for n in range(1, FRAMES - 1)), 1000 * (FRAMES - 2) + 1])
    index = dataclasses.replace(INDEX, time_base=Fraction(1, 25000), row_pts=times)
    await small.store.delete([keys.index(job)])
    await small.store.put(keys.index(job), index.to_bytes())
    assert await divide.plan_of(small, job) is None
    assert await divide.cut_of(small, await small.ledger.task(f"{job}.video.big.00001"), 0.5) is None


async def test_those_who_lack_the_encoder_are_no_reason_to_wait(small):
    job = await encoding(small, BIG)
    assert await asks(small, "pc", FAST) == ("big", (0, 0), 25)
    task = await small.ledger.task(f"{job}.video.big.00001")
    other = dataclasses.replace(task, spec=dataclasses.replace(task.spec, encoder="libx265"))
    assert [len((await divide.front_of(small, one)).running) for one in (task, other)] == [1, 0]
