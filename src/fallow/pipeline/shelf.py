"""The profiles that there are: those that come with Fallow, those of the server's files, those of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fallow.errors import BadProfile, Conflict, NotFound
from fallow.messages import from_wire, to_wire
from fallow.pipeline.context import Context
from fallow.profile_files import load, user_files
from fallow.profiles import Profile, about

BUILT_IN, FILE, SAVED = "built-in", "file", "saved"
MOST_SAVED = 200  # of one person
LONGEST_DESCRIPTION = 500


@dataclass(frozen=True)
class Shelved:
    """A profile, and whose it is."""

    profile: Profile
    source: str


def given() -> dict[str, Shelved]:
    """Those that nobody can change through the API."""
    known = load()
    found = {name: Shelved(profile, BUILT_IN) for name, profile in known.items()}
    return found | {
        name: Shelved(profile, FILE) for name, profile in load(user_files()).items() if profile != known.get(name)
    }


async def shelved(ctx: Context, owner: str) -> dict[str, Shelved]:
    """All that a person may use, by name."""
    found = given()
    for form in await ctx.ledger.saved_profiles(owner):
        try:
            profile = from_wire(Profile, form)
        except (ValueError, BadProfile):  # saved by another Fallow
            continue
        # A file may have taken the name since.
        found.setdefault(profile.name, Shelved(profile, SAVED))
    return found


async def save(ctx: Context, owner: str, name: str, form: Mapping[str, Any]) -> Shelved:
    """Keep a profile for a person, in place of one of that name. Raises BadProfile, Conflict."""
    profile = read({**form, "name": name})
    _check_free(name)
    if len(profile.description) > LONGEST_DESCRIPTION:
        raise about("description", f"The description is too long; use up to {LONGEST_DESCRIPTION} letters.")
    saved = {one.get("name") for one in await ctx.ledger.saved_profiles(owner)}
    if name not in saved and len(saved) >= MOST_SAVED:
        raise Conflict(f"You have saved {len(saved)} profiles, which is as many as there may be; delete some.")
    await ctx.ledger.save_profile(owner, to_wire(profile))
    return Shelved(profile, SAVED)


async def drop(ctx: Context, owner: str, name: str) -> None:
    """Raises Conflict for a profile that is not to be deleted, NotFound for none."""
    if not await ctx.ledger.drop_profile(owner, name):
        _check_free(name)
        raise NotFound(f"You have saved no profile {name[:50]}.")


def read(form: Mapping[str, Any]) -> Profile:
    """Raises BadProfile."""
    try:
        return from_wire(Profile, form)
    except ValueError as error:
        raise BadProfile(str(error)) from error


def _check_free(name: str) -> None:
    taken = given().get(name)
    if taken is None:
        return
    whose = "comes with Fallow" if taken.source == BUILT_IN else "is from a file of the server"
    raise Conflict(f"The profile {name} {whose} and cannot be changed here; choose another name.")
