-- Alarms, and what leaves the site of them. Instants: microseconds UTC; kind, severity: see the lists alarm_kind and
-- alarm_severity.

-- One row for each alarm. While it is open it is found by its key, and the same again is counted.
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    subject TEXT NOT NULL,
    area_id INTEGER,
    order_id INTEGER,
    detail_zh TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    note TEXT,
    ended_at INTEGER,
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm (key) WHERE ended_at IS NULL;
CREATE INDEX alarm_by_order ON alarm (order_id) WHERE order_id IS NOT NULL;
CREATE TRIGGER alarm_is_kept BEFORE DELETE ON alarm BEGIN SELECT RAISE(ABORT, 'an alarm is kept'); END;

-- Where alarms go, as the configuration has it: from which severity on.
CREATE TABLE alarm_channel (
    name TEXT PRIMARY KEY,
    least INTEGER NOT NULL
) STRICT;

-- What is sent: one row for each alarm, channel and message of it. number: from 1. tells: 1 raised, 2 repeated, 3 ended.
-- state: 1 waiting, 2 leased, 3 delivered, 4 withdrawn. next_at: from when on it may be sent; of a leased row the end of
-- the lease. repeat_at: when it is told again unless somebody acknowledges it.
CREATE TABLE alarm_message (
    alarm_id INTEGER NOT NULL,
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,
    tells INTEGER NOT NULL,
    state INTEGER NOT NULL,
    lease INTEGER,
    next_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_error TEXT,
    done_at INTEGER,
    repeat_at INTEGER,
    PRIMARY KEY (alarm_id, channel, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX alarm_message_due ON alarm_message (channel, next_at) WHERE state IN (1, 2);
CREATE INDEX alarm_message_repeat ON alarm_message (repeat_at) WHERE repeat_at IS NOT NULL;
