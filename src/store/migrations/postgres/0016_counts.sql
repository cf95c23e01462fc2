-- Counts that pages show at once, kept by triggers in the transaction that changes what is counted.

-- How many versions of an instant are in a state with a receiver.
CREATE TABLE outbox_count (
    at bigint NOT NULL,
    receiver text NOT NULL,
    state bigint NOT NULL,
    versions bigint NOT NULL,
    PRIMARY KEY (at, receiver, state)
);
INSERT INTO outbox_count SELECT at, receiver, state, count(*) FROM outbox GROUP BY 1, 2, 3;

CREATE FUNCTION count_new_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_count AS c SELECT at, receiver, state, count(*) FROM changed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (at, receiver, state) DO UPDATE SET versions = c.versions + excluded.versions;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_is_counted AFTER INSERT ON outbox REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_versions();

CREATE FUNCTION count_changed_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_count AS c SELECT at, receiver, state, sum(d.more)
    FROM (SELECT at, receiver, state, 1 AS more FROM changed UNION ALL SELECT at, receiver, state, -1 FROM before) AS d
    GROUP BY 1, 2, 3 HAVING sum(d.more) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (at, receiver, state) DO UPDATE SET versions = c.versions + excluded.versions;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_is_counted_anew AFTER UPDATE ON outbox REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_versions();

-- As before; what is counted of rows goes with them.
CREATE OR REPLACE FUNCTION drop_partitions(large text, keep_from bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    part record;
    dropped bigint := 0;
    edge bigint := keep_from;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM partitioned WHERE list = large) THEN
        RAISE EXCEPTION '% has no partitions', large;
    END IF;
    IF (SELECT by_instant FROM partitioned WHERE list = large) THEN
        edge := keep_from * 86400000000 - 28800000000;
    END IF;
    PERFORM pg_advisory_xact_lock(645200719970002);
    INSERT INTO retention (list, keep_from) VALUES (large, drop_partitions.keep_from)
        ON CONFLICT (list) DO UPDATE SET keep_from = excluded.keep_from;
    FOR part IN
        SELECT child.oid::regclass AS name,
            substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \(''?([0-9-]+)''?\)')::bigint AS next
        FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = large::regclass
    LOOP
        IF part.next <= edge THEN
            EXECUTE format('DROP TABLE %s', part.name);
            IF large = 'outbox' THEN
                DELETE FROM outbox_count WHERE at < part.next;
            ELSIF large = 'billing_value' THEN
                DELETE FROM area_use WHERE at < part.next;
            END IF;
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

-- The list of meters as before, with what is searched in front: less of each row is looked at.
DROP TABLE meter_list;
DROP VIEW meter_now;
CREATE VIEW meter_now AS SELECT
    m.id AS meter_id,
    p.area_id AS area_id,
    lower(m.address || chr(10) || coalesce(m.asset_number, '') || chr(10) || coalesce(p.number, '') || chr(10)
        || coalesce(a.name, '')) AS words,
    lower(coalesce(c.number, '') || chr(10) || coalesce(c.name, '')) AS customer_words,
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
    meter_id bigint PRIMARY KEY,
    area_id bigint,
    words text NOT NULL,
    customer_words text NOT NULL,
    address text NOT NULL,
    asset text NOT NULL,
    point text NOT NULL,
    customer text NOT NULL,
    area text NOT NULL,
    line text NOT NULL
);
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
    run_id bigint NOT NULL,
    area_id bigint NOT NULL,
    area text NOT NULL,
    line text NOT NULL,
    outcome bigint NOT NULL,
    cause bigint NOT NULL,
    meters bigint NOT NULL,
    holes bigint NOT NULL,
    PRIMARY KEY (run_id, area_id, area, line, outcome, cause)
);
INSERT INTO run_count
SELECT r.run_id, coalesce(w.area_id, 0), w.area, w.line, r.outcome, coalesce(r.cause, 0), count(*), coalesce(sum(r.holes), 0)
FROM run_meter r JOIN meter_list w ON w.meter_id = r.meter_id GROUP BY 1, 2, 3, 4, 5, 6;

-- Whoever changes runs holds the places of meters still; whoever moves meters waits for them and has them wait.
CREATE FUNCTION count_new_run_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(645200719970003);
    INSERT INTO run_count AS c
    SELECT d.run_id, coalesce(w.area_id, 0), w.area, w.line, d.outcome, coalesce(d.cause, 0), count(*), coalesce(sum(d.holes), 0)
    FROM changed AS d JOIN meter_list w ON w.meter_id = d.meter_id
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (run_id, area_id, area, line, outcome, cause)
        DO UPDATE SET meters = c.meters + excluded.meters, holes = c.holes + excluded.holes;
    RETURN NULL;
END $$;
CREATE TRIGGER run_meter_is_counted AFTER INSERT ON run_meter REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_run_meters();

CREATE FUNCTION count_changed_run_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(645200719970003);
    INSERT INTO run_count AS c
    SELECT d.run_id, coalesce(w.area_id, 0), w.area, w.line, d.outcome, coalesce(d.cause, 0), sum(d.more),
        sum(d.more * coalesce(d.holes, 0))
    FROM (SELECT meter_id, run_id, outcome, cause, holes, 1 AS more FROM changed
        UNION ALL SELECT meter_id, run_id, outcome, cause, holes, -1 FROM before) AS d
    JOIN meter_list w ON w.meter_id = d.meter_id
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (run_id, area_id, area, line, outcome, cause)
        DO UPDATE SET meters = c.meters + excluded.meters, holes = c.holes + excluded.holes;
    RETURN NULL;
END $$;
CREATE TRIGGER run_meter_is_counted_anew AFTER UPDATE ON run_meter REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_run_meters();

CREATE FUNCTION count_lost_run_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(645200719970003);
    UPDATE run_count c SET meters = c.meters - d.meters, holes = c.holes - d.holes
    FROM (SELECT b.run_id, coalesce(w.area_id, 0) AS area_id, w.area, w.line, b.outcome, coalesce(b.cause, 0) AS cause,
            count(*) AS meters, coalesce(sum(b.holes), 0) AS holes
        FROM before AS b JOIN meter_list w ON w.meter_id = b.meter_id GROUP BY 1, 2, 3, 4, 5, 6) AS d
    WHERE (c.run_id, c.area_id, c.area, c.line, c.outcome, c.cause)
        = (d.run_id, d.area_id, d.area, d.line, d.outcome, d.cause);
    RETURN NULL;
END $$;
CREATE TRIGGER run_meter_is_counted_no_more AFTER DELETE ON run_meter REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION count_lost_run_meters();

-- Adds what runs hold of some meters, where the list has them now; with -1, takes it away.
CREATE FUNCTION count_meters(ids bigint[], more bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO run_count AS c
    SELECT r.run_id, coalesce(w.area_id, 0), w.area, w.line, r.outcome, coalesce(r.cause, 0), more * count(*),
        more * coalesce(sum(r.holes), 0)
    FROM run_meter r JOIN meter_list w ON w.meter_id = r.meter_id WHERE r.meter_id = ANY (ids)
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (run_id, area_id, area, line, outcome, cause)
        DO UPDATE SET meters = c.meters + excluded.meters, holes = c.holes + excluded.holes;
$$;

CREATE OR REPLACE FUNCTION list_meters(ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved constant bigint[] := ARRAY(SELECT w.meter_id FROM meter_list w JOIN meter_now n ON n.meter_id = w.meter_id
        WHERE w.meter_id = ANY (ids) AND (w.area_id, w.area, w.line) IS DISTINCT FROM (n.area_id, n.area, n.line));
BEGIN
    IF cardinality(moved) > 0 THEN
        PERFORM pg_advisory_xact_lock(645200719970003);
        PERFORM count_meters(moved, -1);
    END IF;
    DELETE FROM meter_list WHERE meter_id = ANY (ids);
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = ANY (ids);
    IF cardinality(moved) > 0 THEN
        PERFORM count_meters(moved, 1);
    END IF;
END $$;

-- Which points have a consumption of a day, and of which it was taken back: without a look at the rows.
CREATE INDEX billing_value_known ON billing_value (at, item, point_id, version) INCLUDE (value) WHERE kind = 2 AND value IS NOT NULL;
CREATE INDEX billing_value_taken_back ON billing_value (at, item) WHERE kind = 2 AND value IS NULL;

-- What the points of each kind in an area have used in a day by the versions that count, with all tariffs together, and how
-- many of them it is known of.
CREATE TABLE area_use (
    at bigint NOT NULL,
    area_id bigint NOT NULL,
    role bigint NOT NULL,
    item bigint NOT NULL,
    known bigint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (at, area_id, role, item)
);
INSERT INTO area_use
SELECT b.at, p.area_id, p.role, b.item, count(*), sum(b.value)
FROM billing_value b JOIN item i ON i.id = b.item AND i.tariff = 0
JOIN metering_point p ON p.id = b.point_id AND p.area_id IS NOT NULL
WHERE b.kind = 2 AND b.value IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = b.point_id
    AND n.item = b.item AND n.kind = b.kind AND n.at = b.at AND n.version > b.version)
GROUP BY 1, 2, 3, 4;

-- A version comes behind all others of its kind, and takes the place of the last one.
CREATE FUNCTION count_new_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(645200719970003);
    INSERT INTO area_use AS u
    SELECT d.at, p.area_id, p.role, d.item, sum(d.more), sum(d.more * d.value)
    FROM (SELECT point_id, item, at, value, 1 AS more FROM changed WHERE kind = 2 AND value IS NOT NULL
        UNION ALL SELECT b.point_id, b.item, b.at, b.value, -1
        FROM changed c JOIN billing_value b ON b.point_id = c.point_id AND b.item = c.item AND b.kind = c.kind
            AND b.at = c.at AND b.version < c.version
        WHERE c.kind = 2 AND c.version > 1 AND b.value IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n
            WHERE n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind AND n.at = b.at
                AND n.version > b.version AND n.version < c.version)) AS d
    JOIN item i ON i.id = d.item AND i.tariff = 0
    JOIN metering_point p ON p.id = d.point_id AND p.area_id IS NOT NULL
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (at, area_id, role, item) DO UPDATE SET known = u.known + excluded.known, value = u.value + excluded.value;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_value_is_counted AFTER INSERT ON billing_value REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_use();

CREATE FUNCTION count_moved_use() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved constant bigint[] := ARRAY(SELECT c.id FROM changed c JOIN before b ON b.id = c.id
        WHERE (c.area_id, c.role) IS DISTINCT FROM (b.area_id, b.role));
BEGIN
    IF cardinality(moved) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(645200719970003);
    INSERT INTO area_use AS u
    SELECT v.at, p.area_id, p.role, v.item, sum(p.more), sum(p.more * v.value)
    FROM (SELECT id, area_id, role, 1 AS more FROM changed WHERE id = ANY (moved)
        UNION ALL SELECT id, area_id, role, -1 FROM before WHERE id = ANY (moved)) AS p
    JOIN billing_value v ON v.point_id = p.id AND v.kind = 2 AND v.value IS NOT NULL
    JOIN item i ON i.id = v.item AND i.tariff = 0
    WHERE p.area_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM billing_value n WHERE n.point_id = v.point_id
        AND n.item = v.item AND n.kind = v.kind AND n.at = v.at AND n.version > v.version)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (at, area_id, role, item) DO UPDATE SET known = u.known + excluded.known, value = u.value + excluded.value;
    RETURN NULL;
END $$;
CREATE TRIGGER point_is_counted_anew AFTER UPDATE ON metering_point REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_moved_use();
