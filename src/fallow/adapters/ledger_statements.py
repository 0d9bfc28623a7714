"""The statements of what the ledger is asked for every task."""

from __future__ import annotations

from fallow.adapters.ledger_script import Statement

_RUNNING = "SELECT id FROM jobs WHERE state IN ('uploading', 'splitting', 'encoding', 'joining')"
_ACTIVE = f"{_RUNNING} AND paused = 0"  # jobs of which something may be leased
_FREE = "worker = '', lease = '', lease_until = 0, deadline = 0, done_frames = 0, fps = 0"

# Leases. Asked for again by the same names, they were had already: so nothing more is needed when the answer to a
# commit gets lost.
TAKE = Statement(
    "UPDATE tasks SET state = 'leased', attempt = attempt + 1, worker = :worker, lease = :lease,"
    " lease_until = :until, deadline = :deadline, done_frames = 0, fps = 0"
    f" WHERE id = :task AND state = 'queued' AND job IN ({_ACTIVE})"
)
_TAKEN = "FROM tasks WHERE id IN :tasks AND lease IN :leases AND state = 'leased'"
ATTEMPT = Statement(
    "INSERT INTO attempts (lease, task, job, worker, number, started, outcome, error,"
    " wall_seconds, cpu_seconds, frames, bytes_in, bytes_out, encoder)"
    f" SELECT lease, id, job, worker, attempt, :now, '', '', 0, 0, 0, 0, 0, '' {_TAKEN}"
    " AND NOT EXISTS (SELECT 1 FROM attempts AS known WHERE known.lease = tasks.lease AND known.task = tasks.id)"
)
TAKEN = Statement(f"SELECT * {_TAKEN}")
RENEW = Statement(
    "UPDATE tasks SET lease_until = :until, done_frames = :frames, fps = :fps"
    f" WHERE lease = :lease AND state = 'leased' AND deadline > :now AND job IN ({_RUNNING})"
)

# Deliveries.
_THEIRS = "FROM attempts JOIN tasks AS mine ON mine.id = attempts.task"
_THESE = "WHERE attempts.lease IN :leases"
DELIVERED = Statement(
    "SELECT mine.id, mine.job, mine.kind, mine.rendition, mine.number, mine.state"
    f" {_THEIRS} {_THESE} ORDER BY mine.id /*M! FOR UPDATE */"
)
ENDS = Statement(
    "SELECT attempts.lease, attempts.task, attempts.outcome, jobs.state FROM attempts"
    f" JOIN jobs ON jobs.id = attempts.job {_THESE}"
)
_SISTER = (
    "SELECT other.id FROM tasks AS other WHERE other.job = mine.job AND other.kind = 'video'"
    " AND other.state = 'done' AND other.rendition = mine.rendition AND other.id <> mine.id LIMIT 1"
)
SISTERS = Statement(
    f"SELECT mine.id AS task, sister.number, sister.headers {_THEIRS}"
    f" JOIN tasks AS sister ON sister.id = ({_SISTER}) {_THESE} AND mine.kind = 'video'"
)
ALONE = Statement("UPDATE jobs SET updated = updated + 0.000001 WHERE id = :job")
DONE = Statement(
    f"UPDATE tasks SET state = 'done', part = :part, headers = :headers, error = '', {_FREE} WHERE id = :task"
    " AND state IN ('planned', 'queued', 'leased')",
    least=1,
)
OVER = Statement("UPDATE attempts SET outcome = 'cancelled', ended = :now WHERE task IN :tasks AND ended IS NULL")
OUTCOME = Statement(
    "UPDATE attempts SET outcome = :outcome, ended = COALESCE(ended, :now), error = '',"
    " wall_seconds = :wall_seconds, cpu_seconds = :cpu_seconds, frames = :frames, bytes_in = :bytes_in,"
    " bytes_out = :bytes_out, encoder = :encoder, joules = :joules, meter = :meter"
    " WHERE lease = :lease AND outcome <> 'delivered'"
)

# What is only read.
HELD = Statement("SELECT * FROM attempts WHERE lease = :lease")
TASK = Statement(f"SELECT mine.* {_THEIRS} WHERE attempts.lease = :lease")
BESIDE = Statement(
    "SELECT beside.* FROM renditions JOIN tasks AS beside ON beside.job = renditions.job"
    " AND beside.kind = :kind AND beside.rendition = renditions.name AND beside.number = :number"
    " WHERE renditions.job = :job AND beside.id <> :task AND beside.state IN ('planned', 'queued')"
    f" AND beside.retry_at <= :now AND beside.job IN ({_ACTIVE}) ORDER BY beside.cost DESC"
)
_WAITS = "SELECT 1 FROM tasks /*M! FORCE INDEX (tasks_of_job) */ WHERE job = :job AND state"
UNFINISHED = Statement(
    f"SELECT EXISTS ({_WAITS} IN ('planned', 'queued', 'leased', 'dead') AND kind = :kind"
    " AND rendition = :rendition) AS it_is"
)
LAST = Statement(
    f"SELECT NOT EXISTS ({_ACTIVE} AND id <> :job)"
    f" AND NOT EXISTS ({_WAITS} IN ('planned', 'queued') AND kind IN ('audio', 'text', 'video'))"
    " AND EXISTS (SELECT 1 FROM tasks WHERE job = :job AND kind = 'split' AND state = 'done') AS it_is"
)
SEEN = Statement("UPDATE workers SET seen = :now WHERE id IN :workers")
