-- On-demand reads: jobs, the meters in them, and what each question brought.

-- Meters that are asked for the same. read_groups: codes of the list read_group, with commas. state: see the list read_state.
-- waiting: meters that have not ended. idempotency_key with fingerprint: what the same account asked for under a key.
CREATE TABLE read_job (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    read_groups TEXT NOT NULL,
    state INTEGER NOT NULL,
    meters INTEGER NOT NULL,
    waiting INTEGER NOT NULL CHECK (waiting BETWEEN 0 AND meters),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((ended_at IS NULL) = (state = 1)),
    UNIQUE (account_id, idempotency_key)
) STRICT;
CREATE INDEX read_job_open ON read_job (id) WHERE ended_at IS NULL;
CREATE INDEX read_job_by_account ON read_job (account_id, id);
CREATE INDEX read_job_by_end ON read_job (ended_at) WHERE ended_at IS NOT NULL;

-- A meter of a job. What has ended stays as it is. cause: see the list cause.
CREATE TABLE read_meter (
    job_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    state INTEGER NOT NULL,
    cause INTEGER,
    detail TEXT,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, meter_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_meter_by_meter ON read_meter (meter_id, job_id);
CREATE TRIGGER read_meter_stays_ended BEFORE UPDATE ON read_meter WHEN OLD.state <> 1
BEGIN SELECT RAISE(ABORT, 'a read that has ended stays as it is'); END;

-- What came of one question: between which moments the meter gave it, the frames that went over the line, the values as
-- JSON, or the cause for which there are none. is_doubtful: it may answer the same question put earlier, at given_from.
CREATE TABLE read_answer (
    job_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    read_group INTEGER NOT NULL,
    data_id TEXT NOT NULL,
    given_from INTEGER,
    given_until INTEGER,
    is_doubtful INTEGER NOT NULL,
    frames BLOB NOT NULL,
    content TEXT NOT NULL,
    cause INTEGER,
    detail TEXT,
    CHECK ((given_from IS NULL) = (given_until IS NULL)),
    PRIMARY KEY (job_id, meter_id, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER read_answer_stays BEFORE UPDATE ON read_answer
BEGIN SELECT RAISE(ABORT, 'an answer is not changed'); END;
