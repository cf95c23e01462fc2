-- What is handed to billing: values by version, and which version is with which receiver.

-- Instants at which something was accepted or recorded that is not settled yet. notes counts how often it was noted, so
-- that what is noted while it is being settled is not taken away with it.
CREATE TABLE billing_due (
    meter_id INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    notes INTEGER NOT NULL,
    PRIMARY KEY (meter_id, as_of)
) STRICT, WITHOUT ROWID;

-- Registers of midnights (kind 1) and consumptions of days (kind 2), by version; the newest is the current one. at: the
-- midnight, or the beginning of the day. value: in the last decimal of the item; a consumption has two decimals more. NULL
-- takes back what was said before. read_at: the instant of the reading that stands for the midnight. lineage: JSON.
CREATE TABLE billing_value (
    point_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value INTEGER,
    quality INTEGER CHECK (quality < 10),
    read_at INTEGER,
    lineage TEXT NOT NULL,
    settled_at INTEGER NOT NULL,
    CHECK ((value IS NULL) = (quality IS NULL)),
    UNIQUE (point_id, item, kind, at, version)
) STRICT;
CREATE INDEX billing_value_by_time ON billing_value (at);
CREATE TRIGGER billing_value_stays BEFORE UPDATE ON billing_value
BEGIN SELECT RAISE(ABORT, 'a billing value is not changed: add a version'); END;
CREATE TRIGGER billing_value_is_kept BEFORE DELETE ON billing_value
WHEN NOT EXISTS (
    SELECT 1 FROM retention WHERE list = 'billing_value' AND OLD.at < keep_from * 86400000000 - 28800000000)
BEGIN SELECT RAISE(ABORT, 'a billing value is kept'); END;

-- One row for each receiver and version. state: 1 waiting, 2 leased, 3 delivered, 4 superseded, 5 parked. next_at: from
-- when on it may be offered; of a leased row the end of the lease. lease: whose it is.
CREATE TABLE outbox (
    point_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    lease INTEGER,
    next_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_error TEXT,
    done_at INTEGER,
    PRIMARY KEY (point_id, item, kind, at, version, receiver)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (receiver, next_at) WHERE state IN (1, 2);
CREATE INDEX outbox_parked ON outbox (receiver) WHERE state = 5;
CREATE INDEX outbox_by_time ON outbox (at);
CREATE TRIGGER outbox_keeps_its_key BEFORE UPDATE ON outbox
WHEN NEW.point_id <> OLD.point_id OR NEW.item <> OLD.item OR NEW.kind <> OLD.kind OR NEW.at <> OLD.at
    OR NEW.version <> OLD.version OR NEW.receiver <> OLD.receiver OR NEW.key <> OLD.key
    OR (OLD.state IN (3, 4) AND NEW.state <> OLD.state)
BEGIN SELECT RAISE(ABORT, 'a row of the outbox keeps its key, and its end'); END;
CREATE TRIGGER outbox_is_kept BEFORE DELETE ON outbox
WHEN NOT EXISTS (SELECT 1 FROM retention WHERE list = 'outbox' AND OLD.at < keep_from * 86400000000 - 28800000000)
BEGIN SELECT RAISE(ABORT, 'a row of the outbox is kept'); END;

-- The built-in receiver: what took effect, each key once.
CREATE TABLE billing_ledger (
    point_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    value INTEGER,
    quality INTEGER,
    read_at INTEGER,
    entered_at INTEGER NOT NULL,
    UNIQUE (point_id, item, kind, at, version)
) STRICT;
CREATE INDEX billing_ledger_by_time ON billing_ledger (at);
CREATE TRIGGER billing_ledger_stays BEFORE UPDATE ON billing_ledger
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is not changed'); END;
CREATE TRIGGER billing_ledger_is_kept BEFORE DELETE ON billing_ledger
WHEN NOT EXISTS (
    SELECT 1 FROM retention WHERE list = 'billing_ledger' AND OLD.at < keep_from * 86400000000 - 28800000000)
BEGIN SELECT RAISE(ABORT, 'an entry of the ledger is kept'); END;

CREATE VIEW daily_consumption AS SELECT
    p.number AS point_number,
    i.code AS item,
    i.tariff AS tariff,
    strftime('%Y-%m-%d', (b.at + 28800000000) / 1000000, 'unixepoch') AS day,
    CASE WHEN b.value < 0 THEN '-' ELSE '' END
        || printf('%d.%0*d', abs(b.value) / (i.one * 100), i.decimals + 2, abs(b.value) % (i.one * 100)) AS value,
    i.unit AS unit,
    q.name AS quality,
    b.value AS value_scaled
FROM billing_value b
JOIN item i ON i.id = b.item
JOIN metering_point p ON p.id = b.point_id
JOIN coded q ON q.list = 'quality' AND q.code = b.quality
WHERE b.kind = 2 AND b.value IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind AND n.at = b.at
        AND n.version > b.version);
