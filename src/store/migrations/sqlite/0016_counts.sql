-- Counts that pages show at once, kept by triggers in the transaction that changes what is counted.

-- How many versions of an instant are in a state with a receiver.
CREATE TABLE outbox_count (
    at INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    state INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    PRIMARY KEY (at, receiver, state)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox_count SELECT at, receiver, state, count(*) FROM outbox GROUP BY 1, 2, 3;

CREATE TRIGGER outbox_is_counted AFTER INSERT ON outbox
BEGIN
    INSERT INTO outbox_count VALUES (NEW.at, NEW.receiver, NEW.state, 1)
    ON CONFLICT DO UPDATE SET versions = versions + 1;
END;
CREATE TRIGGER outbox_is_counted_anew AFTER UPDATE OF state ON outbox WHEN NEW.state <> OLD.state
BEGIN
    UPDATE outbox_count SET versions = versions - 1 WHERE at = OLD.at AND receiver = OLD.receiver AND state = OLD.state;
    INSERT INTO outbox_count VALUES (NEW.at, NEW.receiver, NEW.state, 1)
    ON CONFLICT DO UPDATE SET versions = versions + 1;
END;
CREATE TRIGGER outbox_is_counted_no_more AFTER DELETE ON outbox
BEGIN
    UPDATE outbox_count SET versions = versions - 1 WHERE at = OLD.at AND receiver = OLD.receiver AND state = OLD.state;
END;

-- The list of meters as before, with what is searched in front: less of each row is looked at.
DROP TABLE meter_list;
DROP VIEW meter_now;
CREATE VIEW meter_now AS SELECT
    m.id AS meter_id,
    p.area_id AS area_id,
    lower(m.address || char(10) || coalesce(m.asset_number, '') || char(10) || coalesce(p.number, '') || char(10)
        || coalesce(a.name, '')) AS words,
    lower(coalesce(c.number, '') || char(10) || coalesce(c.name, '')) AS customer_words,
    m.address AS address,
    coalesce(m.asset_number, '') AS asset,
    coalesce(p.number, '') AS point,
    coalesce(c.number, '') AS customer,
    coalesce(a.name, '') AS area,
    coalesce(l.name, m.terminal, '') AS line
FROM meter m
LEFT JOIN line l ON l.id = m.line_id
LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL
LEFT JOIN metering_point p ON p.id = i.point_id
LEFT JOIN customer c ON c.id = p.customer_id
LEFT JOIN transformer_area a ON a.id = p.area_id;
CREATE TABLE meter_list (
    meter_id INTEGER PRIMARY KEY,
    area_id INTEGER,
    words TEXT NOT NULL,
    customer_words TEXT NOT NULL,
    address TEXT NOT NULL,
    asset TEXT NOT NULL,
    point TEXT NOT NULL,
    customer TEXT NOT NULL,
    area TEXT NOT NULL,
    line TEXT NOT NULL
) STRICT;
INSERT INTO meter_list SELECT * FROM meter_now;
CREATE INDEX meter_list_by_address ON meter_list (address, meter_id);
CREATE INDEX meter_list_by_asset ON meter_list (asset, meter_id);
CREATE INDEX meter_list_by_point ON meter_list (point, meter_id);
CREATE INDEX meter_list_by_customer ON meter_list (customer, meter_id);
CREATE INDEX meter_list_by_area ON meter_list (area, meter_id);
CREATE INDEX meter_list_by_line ON meter_list (line, meter_id);

-- How many meters of a run stand how, by the area and line that the list of meters has now; holes: of their curves. What
-- is missing there is 0 or empty here.
CREATE TABLE run_count (
    run_id INTEGER NOT NULL,
    area_id INTEGER NOT NULL,
    area TEXT NOT NULL,
    line TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    meters INTEGER NOT NULL,
    holes INTEGER NOT NULL,
    PRIMARY KEY (run_id, area_id, area, line, outcome, cause)
) STRICT, WITHOUT ROWID;
INSERT INTO run_count
SELECT r.run_id, coalesce(w.area_id, 0), w.area, w.line, r.outcome, coalesce(r.cause, 0), count(*), coalesce(sum(r.holes), 0)
FROM run_meter r JOIN meter_list w ON w.meter_id = r.meter_id GROUP BY 1, 2, 3, 4, 5, 6;

CREATE TRIGGER run_meter_is_counted AFTER INSERT ON run_meter
BEGIN
    INSERT INTO run_count
    SELECT NEW.run_id, coalesce(w.area_id, 0), w.area, w.line, NEW.outcome, coalesce(NEW.cause, 0), 1, coalesce(NEW.holes, 0)
    FROM meter_list w WHERE w.meter_id = NEW.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
END;
CREATE TRIGGER run_meter_is_counted_anew AFTER UPDATE OF outcome, cause, holes ON run_meter
WHEN NEW.outcome <> OLD.outcome OR NEW.cause IS NOT OLD.cause OR NEW.holes IS NOT OLD.holes
BEGIN
    INSERT INTO run_count
    SELECT OLD.run_id, coalesce(w.area_id, 0), w.area, w.line, OLD.outcome, coalesce(OLD.cause, 0), -1, -coalesce(OLD.holes, 0)
    FROM meter_list w WHERE w.meter_id = OLD.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
    INSERT INTO run_count
    SELECT NEW.run_id, coalesce(w.area_id, 0), w.area, w.line, NEW.outcome, coalesce(NEW.cause, 0), 1, coalesce(NEW.holes, 0)
    FROM meter_list w WHERE w.meter_id = NEW.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
END;
CREATE TRIGGER run_meter_is_counted_no_more AFTER DELETE ON run_meter
BEGIN
    INSERT INTO run_count
    SELECT OLD.run_id, coalesce(w.area_id, 0), w.area, w.line, OLD.outcome, coalesce(OLD.cause, 0), -1, -coalesce(OLD.holes, 0)
    FROM meter_list w WHERE w.meter_id = OLD.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
END;

-- The runs of a meter move with it from the place that the list had to the one it has.
CREATE TRIGGER meter_list_is_counted_no_more BEFORE DELETE ON meter_list
BEGIN
    INSERT INTO run_count
    SELECT r.run_id, coalesce(OLD.area_id, 0), OLD.area, OLD.line, r.outcome, coalesce(r.cause, 0), -1, -coalesce(r.holes, 0)
    FROM run_meter r WHERE r.meter_id = OLD.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
END;
CREATE TRIGGER meter_list_is_counted AFTER INSERT ON meter_list
BEGIN
    INSERT INTO run_count
    SELECT r.run_id, coalesce(NEW.area_id, 0), NEW.area, NEW.line, r.outcome, coalesce(r.cause, 0), 1, coalesce(r.holes, 0)
    FROM run_meter r WHERE r.meter_id = NEW.meter_id
    ON CONFLICT DO UPDATE SET meters = meters + excluded.meters, holes = holes + excluded.holes;
END;

-- Which points have a consumption of a day, and of which it was taken back: without a look at the rows.
CREATE INDEX billing_value_known ON billing_value (at, item, point_id, version, value) WHERE kind = 2 AND value IS NOT NULL;
CREATE INDEX billing_value_taken_back ON billing_value (at, item) WHERE kind = 2 AND value IS NULL;

-- What the points of each kind in an area have used in a day by the versions that count, with all tariffs together, and how
-- many of them it is known of.
CREATE TABLE area_use (
    at INTEGER NOT NULL,
    area_id INTEGER NOT NULL,
    role INTEGER NOT NULL,
    item INTEGER NOT NULL,
    known INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (at, area_id, role, item)
) STRICT, WITHOUT ROWID;
INSERT INTO area_use
SELECT b.at, p.area_id, p.role, b.item, count(*), sum(b.value)
FROM billing_value b JOIN item i ON i.id = b.item AND i.tariff = 0
JOIN metering_point p ON p.id = b.point_id AND p.area_id IS NOT NULL
WHERE b.kind = 2 AND b.value IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id
    AND n.item = b.item AND n.kind = b.kind AND n.at = b.at AND n.version > b.version)
GROUP BY 1, 2, 3, 4;

-- A version comes behind all others of its kind, and takes the place of the last one.
CREATE TRIGGER billing_value_is_counted AFTER INSERT ON billing_value WHEN NEW.kind = 2
BEGIN
    INSERT INTO area_use
    SELECT b.at, p.area_id, p.role, b.item, -1, -b.value
    FROM (SELECT * FROM billing_value WHERE point_id = NEW.point_id AND item = NEW.item AND kind = NEW.kind
        AND at = NEW.at AND version < NEW.version ORDER BY version DESC LIMIT 1) AS b
    JOIN item i ON i.id = b.item AND i.tariff = 0
    JOIN metering_point p ON p.id = b.point_id AND p.area_id IS NOT NULL
    WHERE b.value IS NOT NULL
    ON CONFLICT DO UPDATE SET known = known + excluded.known, value = value + excluded.value;
    INSERT INTO area_use
    SELECT NEW.at, p.area_id, p.role, NEW.item, 1, NEW.value
    FROM metering_point p JOIN item i ON i.id = NEW.item AND i.tariff = 0
    WHERE p.id = NEW.point_id AND p.area_id IS NOT NULL AND NEW.value IS NOT NULL
    ON CONFLICT DO UPDATE SET known = known + excluded.known, value = value + excluded.value;
END;
-- Values are let go by whole days.
CREATE TRIGGER billing_value_is_counted_no_more AFTER DELETE ON billing_value WHEN OLD.kind = 2
BEGIN
    DELETE FROM area_use WHERE at = OLD.at;
END;
CREATE TRIGGER point_is_counted_anew AFTER UPDATE OF area_id, role ON metering_point
WHEN NEW.area_id IS NOT OLD.area_id OR NEW.role <> OLD.role
BEGIN
    INSERT INTO area_use
    SELECT b.at, OLD.area_id, OLD.role, b.item, -1, -b.value
    FROM billing_value b JOIN item i ON i.id = b.item AND i.tariff = 0
    WHERE b.point_id = OLD.id AND b.kind = 2 AND b.value IS NOT NULL AND OLD.area_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id
    AND n.item = b.item AND n.kind = b.kind AND n.at = b.at AND n.version > b.version)
    ON CONFLICT DO UPDATE SET known = known + excluded.known, value = value + excluded.value;
    INSERT INTO area_use
    SELECT b.at, NEW.area_id, NEW.role, b.item, 1, b.value
    FROM billing_value b JOIN item i ON i.id = b.item AND i.tariff = 0
    WHERE b.point_id = NEW.id AND b.kind = 2 AND b.value IS NOT NULL AND NEW.area_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id
    AND n.item = b.item AND n.kind = b.kind AND n.at = b.at AND n.version > b.version)
    ON CONFLICT DO UPDATE SET known = known + excluded.known, value = value + excluded.value;
END;
