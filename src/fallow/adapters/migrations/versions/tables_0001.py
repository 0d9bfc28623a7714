"""The first tables."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
)

revision = "0001"
down_revision = None

metadata, apart = MetaData(), MetaData()
_id = String(64)
_name = String(128)
_json = Text(16_777_215)
_sha256 = String(64)
_MARIADB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
}

schema = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    **_MARIADB,
)

Table(
    "jobs",
    metadata,
    Column("id", _id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Double, nullable=False, index=True),
    Column("updated", Double, nullable=False),
    Column("options", _json, nullable=False),
    Column("source_key", String(512), nullable=False),
    Column("source", _json),
    Column("error", _json, nullable=False),
    Column("error_kind", String(16), nullable=False),
    **_MARIADB,
)


def _of_job() -> Column[str]:
    return Column("job", _id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


Table(
    "renditions",
    metadata,
    _of_job(),
    Column("name", _name, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("profile", _json, nullable=False),
    Column("result", _json),
    Column("facts", _json),
    **_MARIADB,
)

Table(
    "chunks",
    metadata,
    _of_job(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("chunk", _json, nullable=False),
    **_MARIADB,
)

Table(
    "tracks",
    metadata,
    _of_job(),
    Column("kind", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("track", _json, nullable=False),
    **_MARIADB,
)

Table(
    "tasks",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("job", _id, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rendition", _name, nullable=False),
    Column("number", Integer, nullable=False),
    Column("recipe", _json, nullable=False),
    Column("get_key", String(512), nullable=False),
    Column("get_bytes", BigInteger, nullable=False),
    Column("get_sha256", _sha256, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("cost", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("worker", _id, nullable=False, default=""),
    Column("lease", _id, nullable=False, default="", index=True),
    Column("lease_until", Double, nullable=False, default=0.0),
    Column("deadline", Double, nullable=False, default=0.0),
    Column("done_frames", BigInteger, nullable=False, default=0),
    Column("fps", Double, nullable=False, default=0.0),
    Column("part", _json),
    Column("headers", _sha256, nullable=False, default=""),
    Column("error", _json, nullable=False, default=""),
    Column("retry_at", Double, nullable=False, default=0.0),
    Column("queued_at", Double, nullable=False, default=0.0),
    UniqueConstraint("job", "kind", "rendition", "number", name="task_identity"),
    Index("tasks_of_job", "job", "state", "kind"),
    Index("tasks_by_lease_end", "state", "lease_until"),
    **_MARIADB,
)

Table(
    "attempts",
    metadata,
    Column("lease", _id, primary_key=True),
    Column("task", String(256), ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("job", _id, nullable=False, index=True),
    Column("worker", _id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double),
    Column("outcome", String(16), nullable=False, default=""),
    Column("error", _json, nullable=False, default=""),
    Column("counted", BigInteger),
    Column("wall_seconds", Double, nullable=False, default=0.0),
    Column("cpu_seconds", Double, nullable=False, default=0.0),
    Column("frames", BigInteger, nullable=False, default=0),
    Column("bytes_in", BigInteger, nullable=False, default=0),
    Column("bytes_out", BigInteger, nullable=False, default=0),
    Column("encoder", _name, nullable=False, default=""),
    **_MARIADB,
)

Table(
    "workers",
    metadata,
    Column("id", _id, primary_key=True),
    Column("name", _name, nullable=False),
    Column("machine", _json, nullable=False),
    Column("local", Boolean, nullable=False),
    Column("seen", Double, nullable=False),
    Column("token_sha256", _sha256, nullable=False, unique=True),
    **_MARIADB,
)

Table(
    "marks",
    apart,
    Column("mark", String(32), primary_key=True),
    Column("made", Double, nullable=False, index=True),
    **_MARIADB,
)


def upgrade() -> None:
    db = op.get_bind()
    metadata.create_all(db)
    if db.dialect.name != "sqlite":
        apart.create_all(db)
    if db.execute(select(schema.c.version)).scalar() is None:
        db.execute(insert(schema).values(version=1))
