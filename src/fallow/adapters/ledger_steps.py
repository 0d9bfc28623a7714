"""Changes of the ledger's tables, each from one schema to the next; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, inspect, text, update

from fallow.adapters.ledger_tables import schema


def _encoders(db: Connection) -> None:
    """Tasks say which encoder they need; older ones are offered to everybody."""
    if "encoder" not in {column["name"] for column in inspect(db).get_columns("tasks")}:
        db.execute(text("ALTER TABLE tasks ADD COLUMN encoder VARCHAR(32) DEFAULT '' NOT NULL"))


_STEPS: dict[int, Callable[[Connection], None]] = {2: _encoders}


def step(db: Connection, version: int) -> None:
    """Bring the tables of the schema before to this one."""
    _STEPS[version](db)
    db.execute(update(schema).values(version=version))
