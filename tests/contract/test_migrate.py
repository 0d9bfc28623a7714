"""`fallow migrate` against both kinds of database: the command itself, as a process."""

import os
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ledger_steps import a_job, a_part, a_spec, offered

from fallow.adapters.ledger_database import flavour
from fallow.adapters.ledger_migrate import migrate
from fallow.adapters.ledger_sql import SqlLedger
from fallow.adapters.ledger_tables import SCHEMA, marks, metadata
from fallow.errors import BadSetting
from fallow.model import Effort


@pytest.fixture(params=["sqlite", "galera"])
def server(request):
    return None if request.param == "sqlite" else request.getfixturevalue(request.param)


@pytest.fixture
def url(server, tmp_path):
    """Of a ledger without any tables."""
    return server.url(server.database()) if server else f"sqlite:///{tmp_path}/l.db"


def begin(url, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "fallow", *(arguments or ["migrate"])],
        env={**os.environ, "FALLOW_LEDGER_URL": url, "FALLOW_DATA": "nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def execute(url, *statements):
    opened = flavour(url)
    try:
        with opened.engine.begin() as db:
            for statement in statements:
                db.exec_driver_sql(statement)
    finally:
        opened.engine.dispose()


def noted(url):
    """The versions that Alembic thinks the tables have."""
    opened = flavour(url)
    try:
        with opened.engine.connect() as db:
            return [row[0] for row in db.exec_driver_sql("SELECT version_num FROM alembic_version")]
    finally:
        opened.engine.dispose()


def differences(url):
    """Between the tables that there are and those that the ledger works with, types and defaults included."""
    opened = flavour(url)
    wanted = [metadata, marks.metadata] if opened.marks else metadata
    try:
        with opened.engine.connect() as db:
            options = {"compare_type": True, "compare_server_default": True}
            options["include_name"] = lambda name, *_: name != "reserve"  # room in an embedded ledger, no table
            return compare_metadata(MigrationContext.configure(db, opts=options), wanted)
    finally:
        opened.engine.dispose()


async def works(url):
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    await ledger.plan([a_spec()])
    (task,) = await offered(ledger, "j", 1)
    assert await ledger.lease(task.id, "L", "w", 1030.0, 5e9)
    assert await ledger.commit("L", a_part(), Effort())
    await ledger.close()


async def test_it_makes_what_the_ledger_works_with_and_can_be_done_again(url):
    for _ in range(2):
        assert ended(begin(url)) == (0, f"The ledger has schema {SCHEMA}.\n", "")
        assert differences(url) == []
    await works(url)


def test_a_column_that_differs_is_seen(url, server):
    """What the comparison above is worth."""
    migrate(url)
    change = "ALTER TABLE jobs MODIFY name VARCHAR(9)" if server else "ALTER TABLE jobs ADD more TEXT"
    execute(url, change)
    assert len(differences(url)) == 1


async def test_two_at_once_both_succeed(url):
    processes = [begin(url) for _ in range(3)]
    assert [ended(process) for process in processes] == [(0, f"The ledger has schema {SCHEMA}.\n", "")] * 3
    assert differences(url) == []
    await works(url)


async def test_what_a_slower_one_has_noted_after_the_end_is_made_up_for(url):
    migrate(url)
    execute(url, "INSERT INTO alembic_version VALUES ('0002')")
    assert ended(begin(url)) == (0, f"The ledger has schema {SCHEMA}.\n", "")
    assert noted(url) == [f"{SCHEMA:04d}"]
    assert differences(url) == []
    await works(url)


async def test_one_that_was_killed_within_its_first_step_is_made_up_for(url, server):
    migrate(url)
    gone = ["DROP TABLE attempts", "DELETE FROM schema_version", "DELETE FROM alembic_version"]
    execute(url, *gone, *(["DROP TABLE marks"] if server else []))
    if server:  # the embedded one is made whole by whoever opens it
        with pytest.raises(BadSetting, match="run `fallow migrate`"):
            await SqlLedger.open(url)
    assert ended(begin(url))[0] == 0
    assert differences(url) == []
    await works(url)


def test_a_newer_schema_is_refused_and_left_alone(url):
    migrate(url)
    execute(url, "UPDATE schema_version SET version = 99", "UPDATE alembic_version SET version_num = '0099'")
    code, _, err = ended(begin(url))
    assert code != 0
    assert "schema 99" in err
    assert "use the newer Fallow" in err
    assert "Traceback" not in err
    back = (
        f"UPDATE schema_version SET version = {SCHEMA}",  # noqa: S608
        f"UPDATE alembic_version SET version_num = '{SCHEMA:04d}'",  # noqa: S608
    )
    execute(url, *back)
    assert ended(begin(url))[0] == 0


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
@pytest.mark.parametrize("rights", ["SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE, CREATE"])
def test_who_may_not_make_tables_is_told_so(url, server, rights):
    name = f"poor{next(server.numbers)}"
    database = url.rpartition("/")[2]
    grant = f"GRANT {rights} ON {database}.* TO '{name}'@'%'"
    server.nodes[0].sql(f"CREATE USER '{name}'@'%' IDENTIFIED BY 's3cret'", grant)
    code, _, err = ended(begin(url.replace("fallow:p%40ss%2Fword", f"{name}:s3cret")))
    assert code != 0
    assert "command denied to user" in err
    assert "grant it that right" in err
    assert "Traceback" not in err
    assert "s3cret" not in err
    if "CREATE" not in rights:  # which is all that running needs
        migrate(url)
        assert ended(begin(url.replace("fallow:p%40ss%2Fword", f"{name}:s3cret")))[0] == 0


async def as_of_schema_1(url):
    """With a task in it, whose encoder nobody asked for then."""
    if not url.startswith("sqlite"):
        migrate(url)
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    await ledger.plan([a_spec()])
    await ledger.close()

    def without(index, table):
        return f"DROP INDEX {index}" if url.startswith("sqlite") else f"DROP INDEX {index} ON {table}"

    execute(
        url,
        *("DROP TABLE turns", "DROP TABLE hedges", "DROP TABLE files", "DROP TABLE packages"),
        *("DROP TABLE sessions", "DROP TABLE users", "DROP TABLE api_tokens", "DROP TABLE join_tokens"),
        *("DROP TABLE saved_profiles", "DROP TABLE webhook_calls", "DROP TABLE webhooks"),
        *(without("jobs_of_owner", "jobs"), without("ix_attempts_ended", "attempts")),
        *(f"ALTER TABLE jobs DROP COLUMN {name}" for name in ("owner", "hedged", "paused")),
        *(f"ALTER TABLE workers DROP COLUMN {name}" for name in ("standing", "label", "registered")),
        *(without("tasks_of_job", "tasks"), "CREATE INDEX tasks_of_job ON tasks (job, state, kind)"),
        *("ALTER TABLE tasks DROP COLUMN encoder", "UPDATE schema_version SET version = 1"),
    )


async def test_a_ledger_of_schema_1_is_brought_along(url, server):
    await as_of_schema_1(url)
    if server:
        execute(url, "UPDATE alembic_version SET version_num = '0001'")
        with pytest.raises(BadSetting, match="run `fallow migrate`"):
            await SqlLedger.open(url)
    assert ended(begin(url)) == (0, f"The ledger has schema {SCHEMA}.\n", "")
    assert differences(url) == []
    ledger = await SqlLedger.open(url)
    assert [task.spec.encoder for task in await offered(ledger, "j", 1)] == [""]
    await ledger.close()


async def test_an_embedded_ledger_of_schema_1_is_brought_along_by_whoever_opens_it(tmp_path):
    url = f"sqlite:///{tmp_path}/l.db"
    await as_of_schema_1(url)
    ledger = await SqlLedger.open(url)
    assert [task.spec.encoder for task in await offered(ledger, "j", 1)] == [""]
    await ledger.close()
    assert ended(begin(url)) == (0, f"The ledger has schema {SCHEMA}.\n", "")
    assert differences(url) == []


async def test_an_embedded_ledger_that_is_there_can_be_migrated(tmp_path):
    url = f"sqlite:///{tmp_path}/l.db"
    ledger = await SqlLedger.open(url)
    await ledger.create_job(a_job())
    await ledger.close()
    assert ended(begin(url))[0] == 0
    ledger = await SqlLedger.open(url)
    assert (await ledger.job("j")).name == "film.mov"
    await ledger.close()


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_whoever_starts_on_a_ledger_without_tables_is_told_what_to_do(url, tmp_path):
    code, _, err = ended(begin(url, "up", "--data", str(tmp_path / "data"), "--port", "0"))
    assert code != 0
    assert "make them with `fallow migrate`" in err
    assert "Traceback" not in err
