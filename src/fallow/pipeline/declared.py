"""What was said of an upload when it was begun, as whoever goes on with it finds it in the store."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from dataclasses import dataclass

from fallow.errors import Conflict, Rejected, TakenOver
from fallow.pipeline import keys
from fallow.pipeline.context import Context

_LONGEST = 8192  # characters of metadata


@dataclass(frozen=True)
class Declared:
    """An upload that can be resumed."""

    upload: str  # the name of its pieces
    length: int | None  # None: it ends where it ends
    metadata: str = ""  # as it came in Upload-Metadata
    validator: str = ""  # of a source that is fetched: with it its server tells whether it is still the same

    def __post_init__(self) -> None:
        if len(self.metadata) > _LONGEST:
            raise Rejected(f"The upload's metadata is longer than {_LONGEST} characters.")
        pairs(self.metadata)

    @property
    def sha256(self) -> str:
        """That the whole must have; "": nobody says."""
        return pairs(self.metadata).get("sha256", "").lower()

    def same_as(self, other: Declared) -> bool:
        """Whether both are of one file, by what the sender knows it by."""
        mine, its = pairs(self.metadata), pairs(other.metadata)
        names = ("fingerprint", "sha256")
        alike = all(mine.get(name, "") == its.get(name, "") for name in names)
        return self.length == other.length and alike and any(mine.get(name) for name in names)

    def named(self, upload: str) -> Declared:
        return dataclasses.replace(self, upload=upload)


def pairs(metadata: str) -> dict[str, str]:
    """What Upload-Metadata says: names, each with a value in Base64. Raises Rejected."""
    found = {}
    for item in filter(None, (item.strip() for item in metadata.split(","))):
        name, _, value = item.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise Rejected(f"The value of {name[:50]} in Upload-Metadata is not UTF-8 in Base64.") from None
    return found


async def declared(ctx: Context, job: str) -> Declared | None:
    """None: no upload was begun, or none that can be resumed."""
    facts = await ctx.store.stat(keys.declared(job))
    if facts is None:
        return None
    told = json.loads(await ctx.store.read(facts.key, 0, facts.size))
    return Declared(**told)


async def declare(ctx: Context, job: str, upload: Declared) -> None:
    """Raises TakenOver when somebody else has begun one at this moment."""
    try:
        await ctx.store.put(keys.declared(job), json.dumps(dataclasses.asdict(upload)).encode())
    except Conflict:
        raise TakenOver("Another upload of this source was begun at this moment; ask again.") from None
