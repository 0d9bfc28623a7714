"""`fallow migrate`: bring the ledger's tables to those of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import DBAPIError

from fallow.adapters.ledger_database import flavour
from fallow.adapters.ledger_tables import SCHEMA, check_schema, schema
from fallow.errors import BadSetting, Unavailable

STEPS = Path(__file__).parent / "migrations"


def migrate(place: str | Path) -> int:
    """Take the steps that are missing, one process at a time; the schema that the ledger has then."""
    kind = flavour(place)
    try:
        with kind.engine.begin() as db:
            _upgrade(db)
            check_schema(db.execute(select(schema.c.version)).scalar())
    except DBAPIError as error:
        told = kind.told(error)
        if told is error:
            told = Unavailable(f"The ledger {kind.place} could not be migrated ({error.orig}); run it again.")
        raise told from error
    finally:
        kind.engine.dispose()
    return SCHEMA


def _upgrade(db: Connection) -> None:
    try:
        from alembic import command
        from alembic.config import Config
    except ModuleNotFoundError:
        raise BadSetting("Migrating needs more packages: pip install 'fallow[cluster]'.") from None
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.attributes["connection"] = db
    known = inspect(db)
    # An SQLite ledger is made whole at its first use, without Alembic: it takes part from here on.
    if known.has_table(schema.name) and not known.has_table("alembic_version"):
        version = db.execute(select(schema.c.version)).scalar()
        if version is not None and version > SCHEMA:
            check_schema(version)
        if version is not None:
            command.stamp(config, f"{version:04d}")
    command.upgrade(config, "head")
