"""What every ledger promises of users, sessions and tokens."""

import asyncio
import dataclasses

import pytest
from ledger_steps import a_job

from fallow.errors import Conflict, NotFound
from fallow.model import JobState
from fallow.people import ApiToken, JoinToken, Role, Session, User

ANNA, BERT = (User(name, role, "hash", 1.5) for name, role in (("anna", Role.ADMIN), ("bert", Role.SUBMITTER)))


def a_session(digest="a" * 64, user="anna"):
    return Session(digest, user, 10.0, 10.0, 500.0)


def a_token(name="one", user="bert"):
    return ApiToken(name, user, "My scripts", Role.SUBMITTER, name * 20, 5.0)


# users


async def test_a_user_comes_back_as_it_was_and_a_name_is_taken_once(ledger):
    assert await ledger.user("anna") is None
    assert await ledger.add_user(ANNA)
    assert not await ledger.add_user(dataclasses.replace(ANNA, password="other"))  # noqa: S106
    assert await ledger.add_user(BERT)
    assert await ledger.add_user(User("Ärzte 漢", Role.VIEWER, "", 2.0))
    assert await ledger.user("anna") == ANNA
    assert [user.name for user in await ledger.users()] == ["anna", "bert", "Ärzte 漢"]


async def test_there_is_one_first_admin(ledger):
    await ledger.add_user(BERT)
    assert not await ledger.has_admin()
    made = await asyncio.gather(*(ledger.add_first_admin(ANNA) for _ in range(5)))
    assert (made.count(True), await ledger.has_admin()) == (1, True)
    assert not await ledger.add_first_admin(dataclasses.replace(ANNA, name="carla"))
    assert await ledger.user("carla") is None


async def test_an_admin_is_always_left(ledger):
    for user in (ANNA, BERT):
        await ledger.add_user(user)
    for change in (ledger.set_role("anna", Role.VIEWER), ledger.remove_user("anna")):
        with pytest.raises(Conflict, match="last admin"):
            await change
    await ledger.set_role("anna", Role.ADMIN)
    await ledger.set_role("bert", Role.ADMIN)
    await ledger.set_role("anna", Role.VIEWER)
    await ledger.remove_user("anna")
    assert await ledger.users() == [dataclasses.replace(BERT, role=Role.ADMIN)]


async def test_of_the_last_two_admins_one_stays_when_both_go_at_once(ledger):
    await ledger.add_user(ANNA)
    await ledger.add_user(dataclasses.replace(BERT, role=Role.ADMIN))
    gone = [ledger.set_role("anna", Role.VIEWER), ledger.set_role("bert", Role.VIEWER)]
    outcomes = await asyncio.gather(*gone, return_exceptions=True)
    assert len([one for one in outcomes if isinstance(one, Conflict)]) == 1
    assert await ledger.has_admin()


async def test_nobody_is_changed_who_is_not_there(ledger):
    changes = (ledger.set_role("x", Role.ADMIN), ledger.set_password("x", "hash"), ledger.remove_user("x"))
    for change in changes:
        with pytest.raises(NotFound, match="no user x"):
            await change


async def test_nobody_inherits_jobs_with_a_name(ledger):
    for user in (ANNA, BERT):
        await ledger.add_user(user)
    await ledger.create_job(dataclasses.replace(a_job(), owner="bert"))
    assert await ledger.owner_of("j") == "bert"
    with pytest.raises(Conflict, match="unfinished"):
        await ledger.remove_user("bert")
    await ledger.move_job("j", JobState.CANCELLED)
    await ledger.add_api_token(a_token())
    await ledger.begin_session(a_session(user="bert"))
    await ledger.remove_user("bert")
    await ledger.add_user(BERT)
    assert (await ledger.owner_of("j"), await ledger.jobs(9, "bert"), len(await ledger.jobs(9, ""))) == ("", [], 1)
    assert (await ledger.api_tokens("bert"), await ledger.session(a_session().token_sha256)) == ([], None)


async def test_jobs_are_listed_by_their_owner(ledger):
    for number, owner in enumerate(["anna", "bert", "", "anna"]):
        await ledger.create_job(dataclasses.replace(a_job(f"j{number}", created=float(number)), owner=owner))
    found = [[job.id for job in await ledger.jobs(9, owner)] for owner in ("anna", "", "nobody", None)]
    assert found == [["j3", "j0"], ["j2"], [], ["j3", "j2", "j1", "j0"]]
    assert [await ledger.owner_of(job) for job in ("j0", "j2", "x")] == ["anna", "", None]


# sessions


async def test_a_session_is_its_users_until_it_ends(ledger):
    await ledger.add_user(ANNA)
    await ledger.begin_session(a_session())
    assert await ledger.session(a_session().token_sha256) == (a_session(), ANNA)
    await ledger.saw_session(a_session().token_sha256, 90.0)
    await ledger.saw_session(a_session().token_sha256, 80.0)  # by a gateway that is behind
    await ledger.set_role("anna", Role.ADMIN)
    found, _ = await ledger.session(a_session().token_sha256)
    assert found == dataclasses.replace(a_session(), seen=90.0)
    await ledger.end_session(a_session().token_sha256)
    assert await ledger.session(a_session().token_sha256) is None


async def test_a_new_password_ends_all_sessions_but_one(ledger):
    for user in (ANNA, BERT):
        await ledger.add_user(user)
    for digest, user in (("a", "anna"), ("b", "anna"), ("c", "bert")):
        await ledger.begin_session(a_session(digest * 64, user))
    await ledger.set_password("anna", "new", "b" * 64)
    left = [digest for digest in "abc" if await ledger.session(digest * 64)]
    assert (left, (await ledger.user("anna")).password) == (["b", "c"], "new")
    await ledger.set_password("anna", "newer")
    assert await ledger.session("b" * 64) is None


async def test_what_has_expired_is_forgotten(ledger):
    await ledger.add_user(ANNA)
    old, idle, good = a_session("a" * 64), a_session("b" * 64), a_session("c" * 64)
    await ledger.begin_session(dataclasses.replace(old, expires=99.0, seen=99.0))
    await ledger.begin_session(idle)
    await ledger.begin_session(dataclasses.replace(good, seen=99.0))
    for digest, expires in (("a", 99.0), ("b", 101.0)):
        await ledger.add_join_token(JoinToken(digest * 64, "anna", 1.0, expires))
    await ledger.forget_expired(100.0, 50.0)
    assert [digest for digest in "abc" if await ledger.session(digest * 64)] == ["c"]
    assert [digest for digest in "ab" if await ledger.join_token(digest * 64)] == ["b"]


# tokens


async def test_api_tokens_are_of_their_users(ledger):
    await ledger.add_user(BERT)
    later = dataclasses.replace(a_token("two"), created=6.0, expires=9.0)
    for token in (a_token(), later, a_token("all", "")):
        await ledger.add_api_token(token)
    assert await ledger.api_tokens("bert") == [later, a_token()]
    assert await ledger.api_token("one" * 20) == (a_token(), BERT)
    assert await ledger.api_token("all" * 20) == (a_token("all", ""), None)
    assert await ledger.api_token("none" * 16) is None
    await ledger.used_api_token("one", 77.0)
    assert (await ledger.api_tokens("bert"))[1].used == 77.0
    assert not await ledger.remove_api_token("anna", "one")
    assert await ledger.remove_api_token("bert", "one")
    assert not await ledger.remove_api_token("bert", "one")
    assert await ledger.api_token("one" * 20) is None


async def test_join_tokens_are_found(ledger):
    token = JoinToken("f" * 64, "anna", 1.0, 2.0)
    await ledger.add_join_token(token)
    assert (await ledger.join_token("f" * 64), await ledger.join_token("e" * 64)) == (token, None)
