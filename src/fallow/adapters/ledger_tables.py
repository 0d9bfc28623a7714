"""The ledger's tables. Times are float seconds since the epoch: the same in every database."""

from __future__ import annotations

from typing import Any

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
    text,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from fallow.errors import BadSetting

SCHEMA = 6
"""Raised with every change of the tables; a ledger of a newer schema is refused."""

metadata = MetaData()

# In MariaDB: any letter of any script; texts are equal when all their bytes are, as in SQLite.
_MARIADB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
}

_id = String(64)
_name = String(128)
_json = Text().with_variant(LONGTEXT(), "mysql")  # its TEXT ends at 64 KiB
_sha256 = String(64)

schema = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    **_MARIADB,
)

jobs = Table(
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
    Column("owner", _name, nullable=False, server_default=text("''")),
    Column("hedged", Double, nullable=False, server_default=text("0")),  # expected extra work of its hedges
    Column("paused", Boolean, nullable=False, server_default=text("0")),
    Index("jobs_of_owner", "owner", "created"),
    **_MARIADB,
)


def _of_job() -> Column[str]:
    return Column("job", _id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


renditions = Table(
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

chunks = Table(
    "chunks",
    metadata,
    _of_job(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("chunk", _json, nullable=False),
    **_MARIADB,
)

tracks = Table(
    "tracks",
    metadata,
    _of_job(),
    Column("kind", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("track", _json, nullable=False),
    **_MARIADB,
)

tasks = Table(
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
    Column("encoder", String(32), nullable=False, server_default=text("''")),
    UniqueConstraint("job", "kind", "rendition", "number", name="task_identity"),
    # Counting needs no rows, and those that are offered next are the first ones.
    Index("tasks_of_job", "job", "state", "kind", "encoder", "number"),
    Index("tasks_by_lease_end", "state", "lease_until"),
    **_MARIADB,
)

hedges = Table(
    "hedges",
    metadata,
    Column("lease", _id, primary_key=True),
    Column("task", String(256), ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("job", _id, nullable=False, index=True),
    Column("rival", _id, nullable=False),  # the task's own lease; when that is over, so is this one
    Column("worker", _id, nullable=False, index=True),
    Column("lease_until", Double, nullable=False, index=True),
    Column("deadline", Double, nullable=False),
    Column("done_frames", BigInteger, nullable=False, server_default=text("0")),
    Column("fps", Double, nullable=False, server_default=text("0")),
    **_MARIADB,
)
"""Second leases of tasks that are leased already."""

turns = Table(
    "turns",
    metadata,
    Column("job", _id, primary_key=True),  # "": the row of the owner, over all his jobs
    Column("lane", String(64), primary_key=True),
    Column("owner", _name, primary_key=True),
    Column("waits", Integer, nullable=False),  # 1 while there are tasks to offer
    Column("given", Double, nullable=False),  # work, on a scale that is common to all in the lane
    Index("turns_of_owners", "lane", "job", "waits", "given"),
    Index("turns_of_jobs", "lane", "owner", "waits", "given"),
    **_MARIADB,
)
"""Who waits in which lane for a turn."""

attempts = Table(
    "attempts",
    metadata,
    Column("lease", _id, primary_key=True),
    Column("task", String(256), ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("job", _id, nullable=False, index=True),
    Column("worker", _id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double, index=True),
    Column("outcome", String(16), nullable=False, default=""),
    Column("error", _json, nullable=False, default=""),
    Column("counted", BigInteger),
    Column("wall_seconds", Double, nullable=False, default=0.0),
    Column("cpu_seconds", Double, nullable=False, default=0.0),
    Column("frames", BigInteger, nullable=False, default=0),
    Column("bytes_in", BigInteger, nullable=False, default=0),
    Column("bytes_out", BigInteger, nullable=False, default=0),
    Column("encoder", _name, nullable=False, default=""),
    Column("joules", Double, nullable=False, server_default=text("0")),
    Column("meter", String(16), nullable=False, server_default=text("''")),  # how these are known; "": they are not
    **_MARIADB,
)

packages = Table(
    "packages",
    metadata,
    _of_job(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("chunks", Integer, nullable=False),
    Column("made", _json, nullable=False),
    Column("texts", String(512), nullable=False),
    **_MARIADB,
)

files = Table(
    "files",
    metadata,
    _of_job(),
    Column("name", String(255), primary_key=True),
    Column("key", String(512), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _sha256, nullable=False),
    **_MARIADB,
)

workers = Table(
    "workers",
    metadata,
    Column("id", _id, primary_key=True),
    Column("name", _name, nullable=False),
    Column("machine", _json, nullable=False),
    Column("local", Boolean, nullable=False),
    Column("seen", Double, nullable=False),
    Column("token_sha256", _sha256, nullable=False, unique=True),
    Column("standing", String(16), nullable=False, server_default=text("'active'")),  # or draining, banned
    Column("label", _name, nullable=False, server_default=text("''")),  # what people call it; "": by its name
    Column("registered", Double, nullable=False, server_default=text("0")),  # when it came first; 0: unknown
    Column("paused", String(255), nullable=False, server_default=text("''")),  # why it may not work now
    **_MARIADB,
)

users = Table(
    "users",
    metadata,
    Column("name", _name, primary_key=True),
    Column("role", String(16), nullable=False),  # viewer, submitter or admin
    Column("password", String(255), nullable=False),  # its Argon2 hash; "": nobody logs in with one
    Column("created", Double, nullable=False),
    **_MARIADB,
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", _sha256, primary_key=True),
    Column("user", _name, ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    **_MARIADB,
)
"""Browsers in which somebody is logged in."""

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", _id, primary_key=True),
    Column("user", _name, nullable=False, index=True),  # whose jobs it sees and makes
    Column("name", _name, nullable=False),
    Column("role", String(16), nullable=False),  # at most its user's
    Column("token_sha256", _sha256, nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("used", Double),
    **_MARIADB,
)

join_tokens = Table(
    "join_tokens",
    metadata,
    Column("token_sha256", _sha256, primary_key=True),
    Column("user", _name, nullable=False),  # who made it
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    **_MARIADB,
)
"""With which devices join for a short time."""

saved_profiles = Table(
    "saved_profiles",
    metadata,
    Column("owner", _name, primary_key=True),
    Column("name", _name, primary_key=True),
    Column("profile", _json, nullable=False),
    Column("updated", Double, nullable=False),
    **_MARIADB,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", _id, primary_key=True),
    Column("owner", _name, nullable=False, index=True),
    Column("url", String(2048), nullable=False),
    Column("secret", _name, nullable=False),
    Column("events", _name, nullable=False),  # with blanks between
    Column("created", Double, nullable=False),
    Column("failing", Double),  # since when no call has gone well; null: the last one has
    Column("stopped", String(255), nullable=False, server_default=text("''")),  # why it is not called any more
    **_MARIADB,
)
"""Who is told when a job has ended."""

webhook_calls = Table(
    "webhook_calls",
    metadata,
    Column("id", _id, primary_key=True),
    Column("webhook", _id, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("job", _id, nullable=False),
    Column("event", String(32), nullable=False),
    Column("told", _json, nullable=False),  # what the job was like
    Column("state", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due", Double, nullable=False),  # when it is tried next, or given to another sender
    Column("ended", Double),
    Column("status", Integer),  # of the last answer
    Column("error", _json, nullable=False),
    Index("webhook_calls_due", "state", "due"),
    Index("calls_of_webhook", "webhook", "created"),
    **_MARIADB,
)
"""What is to be told, or was of late."""

marks = Table(
    "marks",
    MetaData(),  # apart: only a networked database can leave it unknown whether a commit happened
    Column("mark", String(32), primary_key=True),
    Column("made", Double, nullable=False, index=True),
    **_MARIADB,
)
"""One row for each transaction of late, by which it knows whether it was committed."""


def check_schema(version: int | None) -> None:
    """Raises BadSetting unless the tables are those of this Fallow."""
    if version == SCHEMA:
        return
    if version is None:
        raise BadSetting("The ledger's tables are not all made yet; run `fallow migrate`.")
    told = f"The ledger has schema {version}, but this Fallow works with schema {SCHEMA}; "
    newer = version > SCHEMA
    raise BadSetting(told + ("use the newer Fallow that wrote it." if newer else "run `fallow migrate`."))
