-- Runs, and what is noted of a meter beside its values: its clock, its status words, its events.

-- One run for each scope, day and kind. state: see the list run_state.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    day INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (scope, day, kind)
) STRICT;

-- The meters a run was planned for. outcome: 0 waits, 1 read, 2 missing, for the cause of the list cause. holes: slots of
-- the day's curves that are missing, and why; NULL where no curve was asked for or it was not come to yet.
CREATE TABLE run_meter (
    meter_id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    outcome INTEGER NOT NULL DEFAULT 0 CHECK (outcome BETWEEN 0 AND 2),
    cause INTEGER,
    detail TEXT,
    holes INTEGER,
    hole_cause INTEGER,
    changed_at INTEGER NOT NULL,
    CHECK ((outcome = 2) = (cause IS NOT NULL)),
    PRIMARY KEY (meter_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_meter_by_run ON run_meter (run_id, outcome);

-- How far the clock of a meter was off, one row for each session (F14). fast_us: microseconds, negative when slow.
CREATE TABLE clock_ledger (
    meter_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fast_us INTEGER NOT NULL,
    uncertainty_us INTEGER NOT NULL,
    PRIMARY KEY (meter_id, at)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER clock_ledger_stays BEFORE UPDATE ON clock_ledger
BEGIN SELECT RAISE(ABORT, 'what a clock showed is not changed'); END;

-- Status words of a meter, once a day. words: JSON of identifier and word in hexadecimal.
CREATE TABLE status_word (
    meter_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    words TEXT NOT NULL,
    collected_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, day)
) STRICT, WITHOUT ROWID;

-- How many events of a kind a meter had counted when it was last asked. kind: the identifier of the count.
CREATE TABLE event_count (
    meter_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    counted_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, kind)
) STRICT, WITHOUT ROWID;

-- Events of a meter, each once. began: when, by the meter's clock, as it wrote it. record: JSON of all it said.
CREATE TABLE meter_event (
    meter_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    began TEXT NOT NULL,
    record TEXT NOT NULL,
    collected_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, kind, began)
) STRICT, WITHOUT ROWID;
CREATE INDEX meter_event_by_time ON meter_event (collected_at);

-- What a run did not read, with the cause: for people and other programs.
CREATE VIEW missing_read AS
SELECT
    strftime('%Y-%m-%d', r.day * 86400, 'unixepoch') AS day,
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
