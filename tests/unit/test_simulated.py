"""Dispatch, admission and sweeping, with many devices that come and go, under a clock that does not wait."""

import asyncio
import dataclasses

import pytest

from fallow.pipeline.context import Policy
from simulation import virtual_time
from simulation.ledgers import both, sqlite
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
