"""What every ledger promises of chunks that are divided."""

import asyncio
import dataclasses

import pytest
from ledger_steps import a_chunk, a_job, a_part, a_spec, offered

from fallow.errors import NotFound
from fallow.model import Effort, JobState, TaskState, piece_number
from fallow.records import Outcome, Setback


def of_frames(number, frames):
    return dataclasses.replace(a_spec(number), frames=frames, cost=frames / 250, recipe={"frames": frames})


def pieces(chunk=0, place=8):
    return of_frames(chunk, 125), of_frames(piece_number(chunk, place), 125)


async def encoding(ledger, count=3):
    await ledger.create_job(a_job())
    for number in range(count):
        await ledger.add_chunk(a_chunk(number), [a_spec(number), a_spec(number, "480p")])
    return await offered(ledger)


async def divided(ledger, chunk=0, place=8):
    head, rest = pieces(chunk, place)
    assert await ledger.divide(await ledger.task(f"j.video.720p.{chunk:05d}"), head, [rest])
    await offered(ledger)


async def done(ledger, number, key):
    task = f"j.video.720p.{number:05d}"
    assert await ledger.lease(task, key, "w", 1030.0, 5000.0)
    assert await ledger.commit(key, a_part(key), Effort())


async def stretches(ledger, start=0, limit=10):
    found = await ledger.prefix("j", "720p", start, limit)
    return [(chunk.number, chunk.lo, chunk.hi, task.part.key) for chunk, task in found]


async def test_a_divided_task_becomes_two_with_all_that_it_had(ledger):
    await encoding(ledger)
    before = await ledger.tally("j")
    await divided(ledger)
    chunk, (head, rest) = await ledger.pieces("j", "720p", 0)
    assert chunk == a_chunk(0)
    assert [(t.spec.number, t.spec.frames, t.state) for t in (head, rest)] == [
        (0, 125, TaskState.QUEUED),
        (piece_number(0, 8), 125, TaskState.QUEUED),
    ]
    assert (await ledger.task(head.id)).spec.recipe == {"frames": 125}
    assert sum(t.cost for t in before) == sum(t.cost for t in await ledger.tally("j"))
    _, (other,) = await ledger.pieces("j", "480p", 0)
    assert other.spec.frames == 250
    assert await ledger.pieces("j", "720p", 9) is None


async def test_parts_of_pieces_are_joined_in_their_place_and_none_before_all_are_there(ledger):
    await encoding(ledger)
    await divided(ledger, 1)
    for number, key in ((2, "c"), (0, "a"), (piece_number(1, 8), "b2")):
        await done(ledger, number, key)
    assert await stretches(ledger) == [(0, 0, 250, "a")]
    await done(ledger, 1, "b1")
    assert await stretches(ledger) == [
        (0, 0, 250, "a"),
        (1, 250, 375, "b1"),
        (1, 375, 500, "b2"),
        (2, 500, 750, "c"),
    ]
    assert [one[3] for one in await stretches(ledger, start=1, limit=1)] == ["b1", "b2"]


async def test_who_has_a_task_or_had_it_keeps_it_whole(ledger):
    await encoding(ledger)
    task = await ledger.task("j.video.720p.00000")
    await ledger.lease(task.id, "L", "w", 1030.0, 5000.0)
    assert not await ledger.divide(task, pieces()[0], [pieces()[1]])
    await ledger.give_up("L", Setback("It went away.", 0.0, Outcome.CANCELLED))
    assert (await ledger.task(task.id)).attempt == 0
    assert not await ledger.divide(task, pieces()[0], [pieces()[1]])
    await ledger.move_job("j", JobState.CANCELLED)
    other = await ledger.task("j.video.720p.00001")
    assert not await ledger.divide(other, pieces(1)[0], [pieces(1)[1]])
    with pytest.raises(NotFound):
        await ledger.task(f"j.video.720p.{piece_number(0, 8)}")


async def test_of_many_who_divide_a_task_one_does(ledger):
    await encoding(ledger)
    task = await ledger.task("j.video.720p.00000")
    places = range(2, 10)
    tries = [ledger.divide(task, pieces()[0], [pieces(place=place)[1]]) for place in places]
    assert sum(await asyncio.gather(*tries)) == 1
    assert len((await ledger.pieces("j", "720p", 0))[1]) == 2


async def test_pieces_go_and_are_made_again_with_their_chunk(ledger):
    await encoding(ledger)
    await divided(ledger, 0)
    await divided(ledger, 2)
    made = dataclasses.replace(a_chunk(0), key="anew", size=20)
    spec = dataclasses.replace(a_spec(0), get_key="anew", get_bytes=20)
    assert await ledger.replace(a_chunk(0), made, [spec, dataclasses.replace(spec, rendition="480p")])
    found = [t.spec.get_key for t in (await ledger.pieces("j", "720p", 0))[1]]
    assert found == ["anew", "anew"]
    await ledger.discard("j", 1)
    assert [t.spec.number for t in await ledger.tasks("j") if t.spec.rendition == "720p"] == [0, piece_number(0, 8)]
