-- What is handed to billing: values by version, and which version is with which receiver.

INSERT INTO partitioned (list, by_instant)
VALUES ('billing_value', true), ('outbox', true), ('billing_ledger', true);

-- Instants at which something was accepted or recorded that is not settled yet. notes counts how often it was noted, so
-- that what is noted while it is being settled is not taken away with it.
CREATE TABLE billing_due (
    meter_id bigint NOT NULL,
    as_of bigint NOT NULL,
    notes bigint NOT NULL,
    PRIMARY KEY (meter_id, as_of)
);

-- Registers of midnights (kind 1) and consumptions of days (kind 2), by version; the newest is the current one. at: the
-- midnight, or the beginning of the day. value: in the last decimal of the item; a consumption has two decimals more. NULL
-- takes back what was said before. read_at: the instant of the reading that stands for the midnight. lineage: JSON.
CREATE TABLE billing_value (
    point_id bigint NOT NULL,
    item bigint NOT NULL,
    kind bigint NOT NULL,
    at bigint NOT NULL,
    version bigint NOT NULL,
    value bigint,
    quality bigint CHECK (quality < 10),
    read_at bigint,
    lineage text NOT NULL,
    settled_at bigint NOT NULL,
    CHECK ((value IS NULL) = (quality IS NULL)),
    PRIMARY KEY (point_id, item, kind, at, version)
) PARTITION BY RANGE (at);
CREATE INDEX billing_value_by_time ON billing_value (at);
CREATE TRIGGER billing_value_stays BEFORE UPDATE OR DELETE ON billing_value FOR EACH ROW
    EXECUTE FUNCTION refuse('a billing value is neither changed nor deleted: add a version');

-- One row for each receiver and version. state: 1 waiting, 2 leased, 3 delivered, 4 superseded, 5 parked. next_at: from
-- when on it may be offered; of a leased row the end of the lease. lease: whose it is.
CREATE TABLE outbox (
    point_id bigint NOT NULL,
    item bigint NOT NULL,
    kind bigint NOT NULL,
    at bigint NOT NULL,
    version bigint NOT NULL,
    receiver text NOT NULL,
    key text NOT NULL,
    state bigint NOT NULL,
    lease bigint,
    next_at bigint NOT NULL,
    tries bigint NOT NULL,
    last_error text,
    done_at bigint,
    PRIMARY KEY (point_id, item, kind, at, version, receiver)
) PARTITION BY RANGE (at);
CREATE INDEX outbox_due ON outbox (receiver, next_at) WHERE state IN (1, 2);
CREATE INDEX outbox_parked ON outbox (receiver) WHERE state = 5;
CREATE INDEX outbox_by_time ON outbox (at);
CREATE TRIGGER outbox_keeps_its_key BEFORE UPDATE ON outbox FOR EACH ROW
    WHEN (NEW.point_id <> OLD.point_id OR NEW.item <> OLD.item OR NEW.kind <> OLD.kind OR NEW.at <> OLD.at
        OR NEW.version <> OLD.version OR NEW.receiver <> OLD.receiver OR NEW.key <> OLD.key
        OR (OLD.state IN (3, 4) AND NEW.state <> OLD.state))
    EXECUTE FUNCTION refuse('a row of the outbox keeps its key, and its end');
CREATE TRIGGER outbox_is_kept BEFORE DELETE ON outbox FOR EACH ROW
    EXECUTE FUNCTION refuse('a row of the outbox is kept');

-- The built-in receiver: what took effect, each key once.
CREATE TABLE billing_ledger (
    point_id bigint NOT NULL,
    item bigint NOT NULL,
    kind bigint NOT NULL,
    at bigint NOT NULL,
    version bigint NOT NULL,
    key text NOT NULL,
    value bigint,
    quality bigint,
    read_at bigint,
    entered_at bigint NOT NULL,
    PRIMARY KEY (point_id, item, kind, at, version)
) PARTITION BY RANGE (at);
CREATE INDEX billing_ledger_by_time ON billing_ledger (at);
CREATE TRIGGER billing_ledger_stays BEFORE UPDATE OR DELETE ON billing_ledger FOR EACH ROW
    EXECUTE FUNCTION refuse('an entry of the ledger is neither changed nor deleted');

CREATE VIEW daily_consumption AS SELECT
    p.number AS point_number,
    i.code AS item,
    i.tariff AS tariff,
    date '1970-01-01' + ((b.at + 28800000000) / 86400000000)::integer AS day,
    b.value * i.step * 0.01 AS value,
    i.unit AS unit,
    q.name AS quality
FROM billing_value b
JOIN item i ON i.id = b.item
JOIN metering_point p ON p.id = b.point_id
JOIN coded q ON q.list = 'quality' AND q.code = b.quality
WHERE b.kind = 2 AND b.value IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind AND n.at = b.at
        AND n.version > b.version);
