-- What meters said. Nothing here is changed once it is written: registers get versions, a slot keeps its first value.
-- Large tables are cut into months (or days) that are made ahead and dropped whole.

-- What one in a stored number is worth, with exactly as many decimals as the item has.
ALTER TABLE item ADD COLUMN step numeric GENERATED ALWAYS AS (CASE decimals WHEN 0 THEN 1 WHEN 1 THEN 0.1 WHEN 2 THEN 0.01
    WHEN 3 THEN 0.001 WHEN 4 THEN 0.0001 WHEN 5 THEN 0.00001 WHEN 6 THEN 0.000001 END) STORED;

-- How often the database was opened; makes numbers given out by different openings differ.
CREATE TABLE opening (number bigint NOT NULL);
INSERT INTO opening VALUES (0);

-- From which day on things are kept; partitions of earlier days are dropped.
CREATE TABLE retention (
    list text PRIMARY KEY,
    keep_from bigint NOT NULL
);
CREATE TRIGGER retention_only_moves_on BEFORE UPDATE ON retention FOR EACH ROW
    WHEN (NEW.keep_from < OLD.keep_from)
    EXECUTE FUNCTION refuse('what was let go does not come back');

-- The large tables, and whether a partition holds a month or a day. Changing it counts for new partitions.
CREATE TABLE partitioned (
    list text PRIMARY KEY,
    width text NOT NULL DEFAULT 'month' CHECK (width IN ('month', 'day')),
    -- Whether the key is in microseconds instead of days.
    by_instant boolean NOT NULL
);
INSERT INTO partitioned (list, by_instant) VALUES ('meter_fetch', false), ('register_ledger', true), ('interval_day', false);

-- The days from 1970-01-01 of UTC+8 at which the month or day of a partition begins and ends.
CREATE FUNCTION partition_span(width text, day bigint, OUT first bigint, OUT next bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT start - date '1970-01-01', (start + CASE width WHEN 'month' THEN interval '1 month' ELSE interval '1 day' END)::date
        - date '1970-01-01'
    FROM (SELECT date_trunc(width, (date '1970-01-01' + day::integer)::timestamp)::date AS start) AS begins
$$;

-- Makes the partitions that hold a day. Runs with the rights of the owner of the tables.
CREATE FUNCTION make_partitions(day bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    large partitioned;
    first bigint;
    next bigint;
    name text;
BEGIN
    IF day NOT BETWEEN 10957 AND 47481 THEN
        RAISE EXCEPTION 'day % is not between 2000 and 2099', day;
    END IF;
    PERFORM pg_advisory_xact_lock(645200719970002);
    FOR large IN SELECT * FROM partitioned LOOP
        SELECT span.first, span.next INTO first, next FROM partition_span(large.width, day) AS span;
        IF large.by_instant THEN
            first := first * 86400000000 - 28800000000;
            next := next * 86400000000 - 28800000000;
        END IF;
        name := large.list || '_' || to_char(date '1970-01-01' + (partition_span(large.width, day)).first::integer, 'YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)', name, large.list, first, next);
        END IF;
    END LOOP;
END $$;

-- Drops the partitions of one large table that hold only days before keep_from.
CREATE FUNCTION drop_partitions(large text, keep_from bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
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
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION make_partitions, drop_partitions FROM PUBLIC;

-- One exchange with a meter that brought values, and the frames of its answer. day is that of from_at; a fetch spans one
-- day at most. holes: instants in the span without a value, as JSON [[item, instant]].
CREATE TABLE meter_fetch (
    meter_id bigint NOT NULL,
    id bigint NOT NULL,
    day bigint NOT NULL,
    items bigint[] NOT NULL,
    from_at bigint NOT NULL,
    until_at bigint NOT NULL,
    holes text,
    source bigint NOT NULL,
    collected_at bigint NOT NULL,
    frames bytea NOT NULL,
    CHECK (until_at BETWEEN from_at AND from_at + 86400000000),
    PRIMARY KEY (meter_id, id, day)
) PARTITION BY RANGE (day);
CREATE INDEX meter_fetch_by_meter ON meter_fetch (meter_id, from_at);
CREATE TRIGGER meter_fetch_stays BEFORE UPDATE OR DELETE ON meter_fetch FOR EACH ROW
    EXECUTE FUNCTION refuse('a fetch is neither changed nor deleted');

-- States of registers, by version. The newest accepted version (quality below 10) is the current one.
CREATE TABLE register_ledger (
    meter_id bigint NOT NULL,
    item bigint NOT NULL,
    as_of bigint NOT NULL,
    version bigint NOT NULL,
    value bigint NOT NULL,
    quality bigint NOT NULL,
    source bigint NOT NULL,
    meter_time text,
    collected_at bigint NOT NULL,
    fetch_id bigint,
    recorded_at bigint NOT NULL,
    decided_by text,
    note text,
    PRIMARY KEY (meter_id, item, as_of, version)
) PARTITION BY RANGE (as_of);
CREATE INDEX register_ledger_by_time ON register_ledger USING brin (as_of);
CREATE TRIGGER register_ledger_stays BEFORE UPDATE OR DELETE ON register_ledger FOR EACH ROW
    EXECUTE FUNCTION refuse('a register read is neither changed nor deleted: add a version');

-- Values at regular instants of one day: slot n of day d holds at d 00:00 UTC+8 + n * day/slots. v: from slot 0 to the last
-- filled one, NULL where a value is missing. q: their qualities likewise, NULL when all are good.
CREATE TABLE interval_day (
    meter_id bigint NOT NULL,
    item bigint NOT NULL,
    day bigint NOT NULL,
    slots bigint NOT NULL CHECK (slots > 0 AND 1440 % slots = 0),
    v bigint[] NOT NULL,
    q bigint[],
    PRIMARY KEY (meter_id, item, day)
) PARTITION BY RANGE (day);
CREATE FUNCTION only_fills() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    finer bigint := NEW.slots / OLD.slots;
BEGIN
    IF NEW.meter_id <> OLD.meter_id OR NEW.item <> OLD.item OR NEW.day <> OLD.day OR NEW.slots % OLD.slots <> 0 THEN
        RAISE EXCEPTION 'a filled slot is not changed';
    END IF;
    FOR slot IN 1 .. cardinality(OLD.v) LOOP
        IF OLD.v[slot] IS NOT NULL AND (
            NEW.v[(slot - 1) * finer + 1] IS DISTINCT FROM OLD.v[slot]
            OR coalesce(NEW.q[(slot - 1) * finer + 1], 0) <> coalesce(OLD.q[slot], 0)
        ) THEN
            RAISE EXCEPTION 'a filled slot is not changed';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
-- Adding behind the last filled slot is seen at once to change nothing; anything else is compared slot by slot.
CREATE TRIGGER interval_day_only_fills BEFORE UPDATE ON interval_day FOR EACH ROW
    WHEN (NEW.meter_id <> OLD.meter_id OR NEW.item <> OLD.item OR NEW.day <> OLD.day OR NEW.slots <> OLD.slots
        OR NEW.q IS DISTINCT FROM OLD.q OR NEW.v[1:cardinality(OLD.v)] IS DISTINCT FROM OLD.v)
    EXECUTE FUNCTION only_fills();
CREATE TRIGGER interval_day_is_kept BEFORE DELETE ON interval_day FOR EACH ROW
    EXECUTE FUNCTION refuse('a filled slot is kept');

-- Later values that differ from the one in their slot.
CREATE TABLE interval_conflict (
    meter_id bigint NOT NULL,
    item bigint NOT NULL,
    at bigint NOT NULL,
    kept bigint NOT NULL,
    offered bigint NOT NULL,
    fetch_id bigint NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (meter_id, item, at, offered)
);

-- The newest accepted value of each item of each meter.
CREATE TABLE latest (
    meter_id bigint NOT NULL,
    item bigint NOT NULL,
    at bigint NOT NULL,
    value bigint NOT NULL,
    quality bigint NOT NULL,
    source bigint NOT NULL,
    collected_at bigint NOT NULL,
    PRIMARY KEY (meter_id, item)
) WITH (fillfactor = 70);

-- Suspect versions that wait for a person. current_version: the one that counted when it came in.
CREATE TABLE review (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    meter_id bigint NOT NULL,
    item bigint NOT NULL,
    as_of bigint NOT NULL,
    version bigint NOT NULL,
    current_version bigint,
    opened_at bigint NOT NULL,
    closed_at bigint,
    decision bigint,
    decided_by text,
    note text,
    UNIQUE (meter_id, item, as_of, version)
);
CREATE INDEX review_open ON review (opened_at) WHERE closed_at IS NULL;

-- An instant as a time of PostgreSQL, exact to the microsecond.
CREATE FUNCTION instant(micros bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00' + micros * interval '1 microsecond'
$$;

CREATE VIEW register_read AS
SELECT
    p.number AS point_number,
    m.address AS meter_address,
    i.code AS item,
    i.tariff AS tariff,
    instant(l.as_of) AS as_of,
    l.value * i.step AS value,
    i.unit AS unit,
    l.meter_time AS meter_time,
    instant(l.collected_at) AS collected_at,
    s.name AS source,
    q.name AS quality,
    l.version AS version,
    l.quality < 10 AND NOT EXISTS (
        SELECT 1 FROM register_ledger n WHERE n.meter_id = l.meter_id AND n.item = l.item AND n.as_of = l.as_of
            AND n.version > l.version AND n.quality < 10) AS is_current
FROM register_ledger l
JOIN item i ON i.id = l.item
JOIN meter m ON m.id = l.meter_id
JOIN coded s ON s.list = 'source' AND s.code = l.source
JOIN coded q ON q.list = 'quality' AND q.code = l.quality
LEFT JOIN installation n ON n.meter_id = l.meter_id AND n.installed_at <= l.as_of
    AND (n.removed_at IS NULL OR l.as_of < n.removed_at OR (l.as_of = n.removed_at AND n.installed_at < n.removed_at
        AND NOT EXISTS (SELECT 1 FROM installation k WHERE k.meter_id = n.meter_id AND k.installed_at = n.removed_at)))
LEFT JOIN metering_point p ON p.id = n.point_id;

-- A value leads to the first fetch that brought one for its instant.
CREATE VIEW interval_read AS
SELECT
    m.address AS meter_address,
    p.number AS point_number,
    i.code AS item,
    i.name_en AS item_name,
    instant(a.at) AS at,
    a.value * i.step AS value,
    i.unit AS unit,
    (SELECT q.name FROM coded q WHERE q.list = 'quality' AND q.code = coalesce(a.quality, 0)) AS quality,
    (SELECT s.name FROM meter_fetch f JOIN coded s ON s.list = 'source' AND s.code = f.source
        WHERE f.meter_id = a.meter_id AND f.day BETWEEN a.day - 1 AND a.day
            AND f.from_at BETWEEN a.at - 86400000000 AND a.at AND f.until_at >= a.at AND a.item = ANY (f.items)
            AND (f.holes IS NULL
                OR NOT f.holes::jsonb @> jsonb_build_array(jsonb_build_array(a.item, a.at)))
        ORDER BY f.id LIMIT 1) AS source,
    (SELECT instant(f.collected_at) FROM meter_fetch f
        WHERE f.meter_id = a.meter_id AND f.day BETWEEN a.day - 1 AND a.day
            AND f.from_at BETWEEN a.at - 86400000000 AND a.at AND f.until_at >= a.at AND a.item = ANY (f.items)
            AND (f.holes IS NULL
                OR NOT f.holes::jsonb @> jsonb_build_array(jsonb_build_array(a.item, a.at)))
        ORDER BY f.id LIMIT 1) AS collected_at
FROM (
    SELECT d.meter_id, d.item, d.day, d.q[s.slot] AS quality, s.value,
        d.day * 86400000000 - 28800000000 + (s.slot - 1) * (86400000000 / d.slots) AS at
    FROM interval_day d CROSS JOIN LATERAL unnest(d.v) WITH ORDINALITY AS s (value, slot)
    WHERE s.value IS NOT NULL
) AS a
JOIN item i ON i.id = a.item
JOIN meter m ON m.id = a.meter_id
LEFT JOIN installation n ON n.meter_id = a.meter_id AND n.installed_at <= a.at
    AND (n.removed_at IS NULL OR n.removed_at > a.at)
LEFT JOIN metering_point p ON p.id = n.point_id;
