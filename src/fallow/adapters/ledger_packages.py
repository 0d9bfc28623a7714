"""What the ledger knows of results that are made of many files, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, add, fetch
from fallow.adapters.ledger_tables import files, packages
from fallow.records import File, Package


class Packages:
    """The part of the ledger that is about files and steps."""

    _database: Database

    async def add_package(self, package: Package, added: Sequence[File]) -> bool:
        row = {**vars(package), "made": rows.dumps(package.made)}

        before = (packages.c.job == package.job, packages.c.number == package.number - 1)

        def work(db: Connection) -> bool:
            # Locked, so that nobody takes it away meanwhile.
            known = package.number == 0 or fetch(db, select(packages.c.number).where(*before).with_for_update())
            if not known or not add(db, packages, [row]):
                return False
            add(db, files, [vars(file) for file in added])
            return True

        return await self._database.write(work)

    async def packages(self, job: str) -> list[Package]:
        query = select(packages).where(packages.c.job == job).order_by(packages.c.number)
        return [_package(row) for row in await self._database.rows(query)]

    async def newest_package(self, job: str) -> Package | None:
        query = select(packages).where(packages.c.job == job).order_by(packages.c.number.desc()).limit(1)
        return next((_package(row) for row in await self._database.rows(query)), None)

    async def file(self, job: str, name: str) -> File | None:
        found = await self._files(select(files).where(files.c.job == job, files.c.name == name))
        return found[0] if found else None

    async def files(self, job: str) -> list[File]:
        return await self._files(select(files).where(files.c.job == job).order_by(files.c.name))

    async def _files(self, query: Select[Any]) -> list[File]:
        return [File(**row) for row in await self._database.rows(query)]


def forget_packages(db: Connection, job: str) -> None:
    """Remove all steps, and the files that they made."""
    for table in (packages, files):
        db.execute(delete(table).where(table.c.job == job))


def _package(row: rows.Row) -> Package:
    return Package(**{**row, "made": json.loads(row["made"])})
