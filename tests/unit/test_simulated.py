"""Dispatch, admission and sweeping, with many devices that come and go, under a clock that does not wait."""

import asyncio
import dataclasses

import pytest

from fallow.pipeline.context import Policy
from simulation import virtual_time
from simulation.ledger_model import model
from simulation.ledgers import both, sqlite
from simulation.population import Nature
from simulation.trial import Trial, carry_out
from simulation.world import Film

TRIAL = Trial(devices=60, films=(Film(20, 10.0), Film(12, 5.0)), policy=Policy())


@pytest.fixture(scope="module")
def result():
    return carry_out(TRIAL, sqlite)


def test_films_are_done_though_devices_vanish(result):
    assert result.done
    assert result.counts["delivered"] == 32
    assert result.counts["abandoned"] > 0
    assert result.floor <= result.makespan


def test_nobody_waits_for_lost_devices_longer_than_leases_last(result):
    # One that is lost at the very end is noticed after a lease, and what it had takes another attempt.
    lost, attempt = TRIAL.policy.lease_seconds + TRIAL.policy.sweep_seconds, 13.0 / 0.1
    assert result.makespan < result.floor + 2 * (lost + attempt)


def test_what_is_asked_of_the_ledger_does_not_grow_with_the_square_of_the_tasks(result):
    twice = dataclasses.replace(TRIAL, films=TRIAL.films * 2)
    asked, more = result.calls.total(), carry_out(twice, sqlite).calls.total()
    assert more < 3 * asked


def test_it_happens_again_just_so(result):
    again = carry_out(TRIAL, sqlite)
    assert dataclasses.replace(again, wall=0.0) == dataclasses.replace(result, wall=0.0)


def test_the_model_of_the_ledger_decides_as_the_ledger_does():
    assert carry_out(TRIAL, both).done  # and every answer was compared


class Unequal(Nature):
    """Four computers, and twelve phones of a twentieth of their speed, which all tell that."""

    away, tells = 0.1, True

    def __init__(self, seed):
        super().__init__(seed)
        self._speeds = [1.0] * 4 + [0.05] * 12

    def speed(self, kind):
        self._speeds.append(self._speeds.pop(0))
        return self._speeds[-1]

    def slowed(self):
        return 1.0

    def is_there(self, kind, at):
        return True

    def remains(self):
        return 1e9


def test_divided_chunks_end_sooner_where_some_are_slow_and_every_frame_is_delivered_once():
    films = (Film(32, 10.0, is_cut=True),)
    found = {
        seconds: carry_out(
            Trial(16, films, Policy(divide_seconds=seconds), nature=Unequal), both if seconds else model
        )
        for seconds in (0.0, 20.0)
    }
    assert all(result.done for result in found.values())
    assert found[0.0].counts["delivered"] == 32
    assert found[20.0].counts["delivered"] > 32
    assert found[20.0].makespan < 0.7 * found[0.0].makespan


async def _two_sleep():
    loop = asyncio.get_running_loop()
    begun, told = loop.time(), []

    async def sleep(seconds):
        await asyncio.sleep(seconds)
        told.append(loop.time() - begun)

    await asyncio.gather(sleep(7200.0), sleep(3600.0))
    return told


def test_virtual_hours_pass_at_once_and_in_order():
    assert virtual_time.run(_two_sleep()) == [3600.0, 7200.0]


async def _wait_for_nothing():
    await asyncio.get_running_loop().create_future()


def test_a_world_in_which_nothing_is_due_any_more_is_an_error():
    with pytest.raises(RuntimeError, match="Nothing is due"):
        virtual_time.run(_wait_for_nothing())
