"""Changes of the ledger's tables, each from one schema to the next; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, inspect, text, update

from fallow.adapters.ledger_tables import files, hedges, packages, schema, tasks, turns


def _encoders(db: Connection) -> None:
    """Tasks say which encoder they need; older ones are offered to everybody."""
    if "encoder" not in {column["name"] for column in inspect(db).get_columns("tasks")}:
        db.execute(text("ALTER TABLE tasks ADD COLUMN encoder VARCHAR(32) DEFAULT '' NOT NULL"))


def _results_of_many_files(db: Connection) -> None:
    """Results may be made of many files, step by step."""
    for table in (packages, files):
        table.create(db, checkfirst=True)


def _turns(db: Connection) -> None:
    """Jobs have owners and take turns, tasks may have a second lease."""
    columns = {column["name"] for column in inspect(db).get_columns("jobs")}
    for name, kind in (("owner", "VARCHAR(128) DEFAULT ''"), ("hedged", "DOUBLE DEFAULT 0")):
        if name not in columns:
            db.execute(text(f"ALTER TABLE jobs ADD COLUMN {name} {kind} NOT NULL"))
    for table in (turns, hedges):
        table.create(db, checkfirst=True)
    (index,) = (one for one in tasks.indexes if one.name == "tasks_of_job")
    known = {one["name"]: one["column_names"] for one in inspect(db).get_indexes("tasks")}
    if known.get(index.name) != index.columns.keys():
        if index.name in known:
            index.drop(db)
        index.create(db)


_STEPS: dict[int, Callable[[Connection], None]] = {2: _encoders, 3: _results_of_many_files, 4: _turns}


def step(db: Connection, version: int) -> None:
    """Bring the tables of the schema before to this one."""
    _STEPS[version](db)
    # Never back: who is slower than others takes steps that they have taken.
    db.execute(update(schema).where(schema.c.version < version).values(version=version))
