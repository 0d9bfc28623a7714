"""What the ledger keeps of people's own profiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change
from fallow.adapters.ledger_tables import saved_profiles


class Profiles:
    """The part of the ledger that is about profiles."""

    _database: Database
    _now: Callable[[], float]

    async def saved_profiles(self, owner: str) -> list[dict[str, Any]]:
        query = select(saved_profiles.c.profile).where(saved_profiles.c.owner == owner)
        found = await self._database.rows(query.order_by(saved_profiles.c.name))
        return [json.loads(row["profile"]) for row in found]

    async def save_profile(self, owner: str, profile: dict[str, Any]) -> bool:
        key = {"owner": owner, "name": profile["name"]}
        values = {"profile": rows.dumps(profile), "updated": self._now()}
        mine = [saved_profiles.c[name] == value for name, value in key.items()]

        def work(db: Connection) -> bool:
            if change(db, saved_profiles, values, *mine):
                return False
            db.execute(insert(saved_profiles).values(**key, **values))
            return True

        return await self._database.write(work)

    async def drop_profile(self, owner: str, name: str) -> bool:
        mine = (saved_profiles.c.owner == owner, saved_profiles.c.name == name)
        return await self._database.write(lambda db: db.execute(delete(saved_profiles).where(*mine)).rowcount > 0)
