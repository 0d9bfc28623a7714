"""Changes of the ledger's tables, each from one schema to the next; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table, inspect, text, update

from fallow.adapters.ledger_tables import (
    api_tokens,
    attempts,
    files,
    hedges,
    jobs,
    join_tokens,
    packages,
    saved_profiles,
    schema,
    sessions,
    tasks,
    turns,
    users,
    webhook_calls,
    webhooks,
)


def _encoders(db: Connection) -> None:
    """Tasks say which encoder they need; older ones are offered to everybody."""
    _columns(db, "tasks", encoder="VARCHAR(32) DEFAULT ''")


def _results_of_many_files(db: Connection) -> None:
    """Results may be made of many files, step by step."""
    for table in (packages, files):
        table.create(db, checkfirst=True)


def _turns(db: Connection) -> None:
    """Jobs have owners and take turns, tasks may have a second lease."""
    _columns(db, "jobs", owner="VARCHAR(128) DEFAULT ''", hedged="DOUBLE DEFAULT 0")
    for table in (turns, hedges):
        table.create(db, checkfirst=True)
    (index,) = (one for one in tasks.indexes if one.name == "tasks_of_job")
    known = {one["name"]: one["column_names"] for one in inspect(db).get_indexes("tasks")}
    if known.get(index.name) != index.columns.keys():
        if index.name in known:
            index.drop(db)
        index.create(db)


def _people(db: Connection) -> None:
    """People log in and have tokens, profiles and webhooks; jobs can be paused, workers sent home."""
    for table in (users, sessions, api_tokens, join_tokens, saved_profiles, webhooks, webhook_calls):
        table.create(db, checkfirst=True)
    _columns(db, "jobs", paused="BOOL DEFAULT 0")
    active, unnamed, unknown = "VARCHAR(16) DEFAULT 'active'", "VARCHAR(128) DEFAULT ''", "DOUBLE DEFAULT 0"
    _columns(db, "workers", standing=active, label=unnamed, registered=unknown)
    _index(db, jobs, "jobs_of_owner")
    _index(db, attempts, "ix_attempts_ended")


def _idle_devices(db: Connection) -> None:
    """Workers say why they pause, and how much energy their attempts took."""
    _columns(db, "workers", paused="VARCHAR(255) DEFAULT ''")
    _columns(db, "attempts", joules="DOUBLE DEFAULT 0", meter="VARCHAR(16) DEFAULT ''")


def _columns(db: Connection, table: str, **kinds: str) -> None:
    known = {column["name"] for column in inspect(db).get_columns(table)}
    for name, kind in kinds.items():
        if name not in known:
            db.execute(text(f"ALTER TABLE {table} ADD COLUMN {name} {kind} NOT NULL"))


def _index(db: Connection, table: Table, name: str) -> None:
    if name not in {one["name"] for one in inspect(db).get_indexes(table.name)}:
        next(one for one in table.indexes if one.name == name).create(db)


_STEPS: dict[int, Callable[[Connection], None]] = {
    2: _encoders,
    3: _results_of_many_files,
    4: _turns,
    5: _people,
    6: _idle_devices,
}


def step(db: Connection, version: int) -> None:
    """Bring the tables of the schema before to this one."""
    _STEPS[version](db)
    # Never back: who is slower than others takes steps that they have taken.
    db.execute(update(schema).where(schema.c.version < version).values(version=version))
