-- Runs, and what is noted of a meter beside its values: its clock, its status words, its events.

-- One run for each scope, day and kind. state: see the list run_state.
CREATE TABLE run (
    id bigint PRIMARY KEY,
    scope text NOT NULL,
    day bigint NOT NULL,
    kind bigint NOT NULL,
    state bigint NOT NULL,
    planned bigint NOT NULL,
    started_at bigint NOT NULL,
    deadline bigint NOT NULL,
    ended_at bigint,
    UNIQUE (scope, day, kind)
);

-- The meters a run was planned for. outcome: 0 waits, 1 read, 2 missing, for the cause of the list cause. holes: slots of
-- the day's curves that are missing, and why; NULL where no curve was asked for or it was not come to yet.
CREATE TABLE run_meter (
    meter_id bigint NOT NULL,
    run_id bigint NOT NULL,
    outcome bigint NOT NULL DEFAULT 0 CHECK (outcome BETWEEN 0 AND 2),
    cause bigint,
    detail text,
    holes bigint,
    hole_cause bigint,
    changed_at bigint NOT NULL,
    CHECK ((outcome = 2) = (cause IS NOT NULL)),
    PRIMARY KEY (meter_id, run_id)
);
CREATE INDEX run_meter_by_run ON run_meter (run_id, outcome);

-- How far the clock of a meter was off, one row for each session (F14). fast_us: microseconds, negative when slow.
CREATE TABLE clock_ledger (
    meter_id bigint NOT NULL,
    at bigint NOT NULL,
    fast_us bigint NOT NULL,
    uncertainty_us bigint NOT NULL,
    PRIMARY KEY (meter_id, at)
);
CREATE TRIGGER clock_ledger_stays BEFORE UPDATE ON clock_ledger FOR EACH ROW
    EXECUTE FUNCTION refuse('what a clock showed is not changed');

-- Status words of a meter, once a day. words: JSON of identifier and word in hexadecimal.
CREATE TABLE status_word (
    meter_id bigint NOT NULL,
    day bigint NOT NULL,
    words text NOT NULL,
    collected_at bigint NOT NULL,
    PRIMARY KEY (meter_id, day)
);

-- How many events of a kind a meter had counted when it was last asked. kind: the identifier of the count.
CREATE TABLE event_count (
    meter_id bigint NOT NULL,
    kind text NOT NULL,
    count bigint NOT NULL,
    counted_at bigint NOT NULL,
    PRIMARY KEY (meter_id, kind)
);

-- Events of a meter, each once. began: when, by the meter's clock, as it wrote it. record: JSON of all it said.
CREATE TABLE meter_event (
    meter_id bigint NOT NULL,
    kind text NOT NULL,
    began text NOT NULL,
    record text NOT NULL,
    collected_at bigint NOT NULL,
    PRIMARY KEY (meter_id, kind, began)
);
CREATE INDEX meter_event_by_time ON meter_event (collected_at);

-- What a run did not read, with the cause: for people and other programs.
CREATE VIEW missing_read AS
SELECT
    to_char(date '1970-01-01' + r.day::integer, 'YYYY-MM-DD') AS day,
    r.scope AS scope,
    m.address AS meter_address,
    p.number AS point_number,
    c.name AS cause,
    rm.detail AS detail
FROM run_meter rm
JOIN run r ON r.id = rm.run_id
JOIN meter m ON m.id = rm.meter_id
JOIN coded c ON c.list = 'cause' AND c.code = rm.cause
LEFT JOIN installation n ON n.meter_id = rm.meter_id AND n.removed_at IS NULL
LEFT JOIN metering_point p ON p.id = n.point_id
WHERE rm.outcome = 2;
