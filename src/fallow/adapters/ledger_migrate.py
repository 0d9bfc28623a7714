"""`fallow migrate`: bring the ledger's tables to those of this version."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from fallow.adapters.ledger_database import flavour
from fallow.adapters.ledger_flavour import Flavour
from fallow.adapters.ledger_retry import Patience
from fallow.adapters.ledger_tables import SCHEMA, check_schema, schema
from fallow.errors import BadSetting, Unavailable

STEPS = Path(__file__).parent / "migrations"


def migrate(place: str | Path, patience: Patience | None = None) -> int:
    """Take the steps that are missing; the schema that the ledger has then. Raises BadSetting, Unavailable.

    No lock holds in a whole cluster, so of two who migrate at once one finds that something is made already, and
    begins again; so does who was killed within a step. Each step does what is not done yet.
    """
    kind = flavour(place)
    pauses = (patience or Patience()).pauses()
    try:
        while (trouble := _once(kind)) is not None:
            if (pause := next(pauses, None)) is None:
                raise Unavailable(f"The ledger {kind.place} could not be migrated ({trouble}); run it again.")
            time.sleep(pause)
    finally:
        kind.engine.dispose()
    return SCHEMA


def _once(kind: Flavour) -> str | None:
    """One try; why it may be worth another one, None when all is done."""
    try:
        with kind.engine.begin() as db:
            db.exec_driver_sql("BEGIN")
            _upgrade(db)
            check_schema(db.execute(select(schema.c.version)).scalar())
    except _Overtaken as error:
        return str(error)
    except DBAPIError as error:
        if kind.made(error) or kind.passes(error):
            return str(error.orig)
        told = kind.told(error)
        if told is error:
            told = Unavailable(f"The ledger {kind.place} could not be migrated ({error.orig}).")
        raise told from error
    return None


class _Overtaken(Exception):
    """Another process took the same step."""


def _upgrade(db: Connection) -> None:
    try:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError
    except ModuleNotFoundError:
        raise BadSetting("Migrating needs more packages: pip install 'fallow[cluster]'.") from None
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.attributes["connection"] = db
    known = inspect(db)
    version = db.execute(select(schema.c.version)).scalar() if known.has_table(schema.name) else None
    if version is not None and version > SCHEMA:
        check_schema(version)
    try:
        # An SQLite ledger is made whole at its first use, without Alembic: it takes part from here on.
        if version is not None and not known.has_table("alembic_version"):
            command.stamp(config, f"{version:04d}")
        elif version is not None:
            _agree(db)
        command.upgrade(config, "head")
    except CommandError as error:
        raise _Overtaken(str(error)) from error


def _agree(db: Connection) -> None:
    """Of two who begin at once at different nodes, the slower one may note its first step after the other's last.
    What the furthest has noted is done; the slower one finds its note gone, and begins again."""
    noted = [row[0] for row in db.exec_driver_sql("SELECT version_num FROM alembic_version")]
    for version in sorted(noted)[:-1]:
        db.execute(text("DELETE FROM alembic_version WHERE version_num = :version"), {"version": version})
