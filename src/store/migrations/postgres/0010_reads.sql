-- On-demand reads: jobs, the meters in them, and what each question brought.

-- Meters that are asked for the same. read_groups: codes of the list read_group, with commas. state: see the list read_state.
-- waiting: meters that have not ended. idempotency_key with fingerprint: what the same account asked for under a key.
CREATE TABLE read_job (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    asked_by text NOT NULL,
    idempotency_key text,
    fingerprint text NOT NULL,
    read_groups text NOT NULL,
    state bigint NOT NULL,
    meters bigint NOT NULL,
    waiting bigint NOT NULL CHECK (waiting BETWEEN 0 AND meters),
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    CHECK ((ended_at IS NULL) = (state = 1)),
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX read_job_open ON read_job (id) WHERE ended_at IS NULL;
CREATE INDEX read_job_by_account ON read_job (account_id, id);
CREATE INDEX read_job_by_end ON read_job (ended_at) WHERE ended_at IS NOT NULL;

-- A meter of a job. What has ended stays as it is. cause: see the list cause.
CREATE TABLE read_meter (
    job_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    address text NOT NULL,
    state bigint NOT NULL,
    cause bigint,
    detail text,
    changed_at bigint NOT NULL,
    PRIMARY KEY (job_id, meter_id)
);
CREATE INDEX read_meter_by_meter ON read_meter (meter_id, job_id);
CREATE TRIGGER read_meter_stays_ended BEFORE UPDATE ON read_meter FOR EACH ROW WHEN (OLD.state <> 1)
    EXECUTE FUNCTION refuse('a read that has ended stays as it is');

-- What came of one question: between which moments the meter gave it, the frames that went over the line, the values as
-- JSON, or the cause for which there are none. is_doubtful: it may answer the same question put earlier, at given_from.
CREATE TABLE read_answer (
    job_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    number bigint NOT NULL,
    read_group bigint NOT NULL,
    data_id text NOT NULL,
    given_from bigint,
    given_until bigint,
    is_doubtful bigint NOT NULL,
    frames bytea NOT NULL,
    content text NOT NULL,
    cause bigint,
    detail text,
    CHECK ((given_from IS NULL) = (given_until IS NULL)),
    PRIMARY KEY (job_id, meter_id, number)
);
CREATE TRIGGER read_answer_stays BEFORE UPDATE ON read_answer FOR EACH ROW
    EXECUTE FUNCTION refuse('an answer is not changed');
