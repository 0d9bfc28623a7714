"""The statements of what the ledger is asked for every task."""

from __future__ import annotations

from fallow.adapters.ledger_script import Script

_RUNNING = "SELECT id FROM jobs WHERE state IN ('uploading', 'splitting', 'encoding', 'joining')"
_FREE = "worker = '', lease = '', lease_until = 0, deadline = 0, done_frames = 0, fps = 0"
_MINE = "FROM tasks WHERE id = :task AND lease = :lease AND state = 'leased'"
# Asked for again with the same lease, it was had already: so nothing more is needed if a commit's answer gets lost.
LEASE = Script(
    "BEGIN",
    "UPDATE tasks SET state = 'leased', attempt = attempt + 1, worker = :worker, lease = :lease,"
    " lease_until = :until, deadline = :deadline, done_frames = 0, fps = 0"
    f" WHERE id = :task AND state = 'queued' AND job IN ({_RUNNING})",
    "INSERT INTO attempts (lease, task, job, worker, number, started, outcome, error,"
    " wall_seconds, cpu_seconds, frames, bytes_in, bytes_out, encoder)"
    f" SELECT :lease, id, job, :worker, attempt, :now, '', '', 0, 0, 0, 0, 0, '' {_MINE}"
    " AND NOT EXISTS (SELECT 1 FROM attempts WHERE lease = :lease AND task = :task)",
    f"SELECT * {_MINE}",
    "COMMIT",
)
RENEW = Script(
    "UPDATE tasks SET lease_until = :until, done_frames = :frames, fps = :fps"
    f" WHERE lease = :lease AND state = 'leased' AND deadline > :now AND job IN ({_RUNNING})"
)
_TASK = "(SELECT task FROM attempts WHERE lease = :lease)"
HELD = Script("SELECT * FROM attempts WHERE lease = :lease", f"SELECT * FROM tasks WHERE id = {_TASK}")
_SISTER = (
    "SELECT sister.number, sister.headers FROM tasks AS mine JOIN tasks AS sister ON sister.job = mine.job"
    " AND sister.kind = mine.kind AND sister.rendition = mine.rendition AND sister.state = 'done'"
    f" AND sister.id <> mine.id WHERE mine.id = {_TASK} AND mine.kind = 'video' LIMIT 1"
)
DELIVERED = Script(
    f"SELECT id, job, kind, number, state FROM tasks WHERE id = {_TASK} /*M! FOR UPDATE */",
    "SELECT attempts.outcome, jobs.state FROM attempts JOIN jobs ON jobs.id = attempts.job"
    " WHERE attempts.lease = :lease",
    _SISTER,
)
ALONE = Script("UPDATE jobs SET updated = updated + 0.000001 WHERE id = :job", _SISTER)
_OUTCOME = (
    "UPDATE attempts SET outcome = :outcome, ended = COALESCE(ended, :now), error = '',"
    " wall_seconds = :wall_seconds, cpu_seconds = :cpu_seconds, frames = :frames, bytes_in = :bytes_in,"
    " bytes_out = :bytes_out, encoder = :encoder WHERE lease = :lease"
)
FIRST = Script(
    f"UPDATE tasks SET state = 'done', part = :part, headers = :headers, error = '', {_FREE} WHERE id = :task"
    " AND state IN ('planned', 'queued', 'leased')",
    "UPDATE attempts SET outcome = 'cancelled', ended = :now WHERE task = :task AND ended IS NULL",
    _OUTCOME,
    "COMMIT",
    least=1,
)
LATE = Script(_OUTCOME, "COMMIT")
_WAITS = "SELECT 1 FROM tasks /*M! FORCE INDEX (tasks_of_job) */ WHERE job = :job AND state"
PULSE = Script(
    f"SELECT EXISTS ({_WAITS} IN ('planned', 'queued', 'leased', 'dead') AND kind = :kind"
    f" AND rendition = :rendition) AS unfinished, EXISTS ({_WAITS} = 'planned' AND retry_at <= :now)"
    f" AND (SELECT COUNT(*) FROM ({_WAITS} = 'queued' LIMIT :few) AS waiting) < :few AS hungry"
)
LAST = Script(
    f"SELECT NOT EXISTS ({_RUNNING} AND id <> :job)"
    f" AND NOT EXISTS ({_WAITS} IN ('planned', 'queued') AND kind IN ('audio', 'text', 'video'))"
    " AND EXISTS (SELECT 1 FROM tasks WHERE job = :job AND kind = 'split' AND state = 'done') AS last"
)
