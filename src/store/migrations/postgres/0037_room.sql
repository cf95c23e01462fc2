-- Room for new days is made, and old days are let go, beside a backup that runs for hours (F41, F43): it holds every table it
-- reads, and whoever waits for it is waited for by all that come behind. A list is let go only where and as far as that may be.

-- How many days old something is at least before it may be let go, by the clock of this server; NULL: never.
ALTER TABLE partitioned ADD COLUMN may_go_after bigint;
UPDATE partitioned SET may_go_after = 62 WHERE list = 'interval_day';

-- As before; each partition is made apart and put in its place, which waits for nobody who reads or writes the list. Where all are
-- there, nothing is waited for at all.
CREATE OR REPLACE FUNCTION make_partitions(day bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET lock_timeout = '1s' AS $$
DECLARE
    large partitioned;
    first bigint;
    next bigint;
    name text;
    is_turn boolean := false;
BEGIN
    IF day NOT BETWEEN 10957 AND 47481 THEN
        RAISE EXCEPTION 'day % is not between 2000 and 2099', day;
    END IF;
    FOR large IN SELECT * FROM partitioned LOOP
        name := large.list || '_' || to_char(date '1970-01-01' + (partition_span(large.width, day)).first::integer, 'YYYYMMDD');
        -- By its row: what a session remembers of names may be old.
        CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace);
        IF NOT is_turn THEN
            PERFORM pg_advisory_xact_lock(645200719970002);
            is_turn := true;
            -- Somebody else may have made it meanwhile.
            CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace);
        END IF;
        SELECT span.first, span.next INTO first, next FROM partition_span(large.width, day) AS span;
        IF large.by_instant THEN
            first := first * 86400000000 - 28800000000;
            next := next * 86400000000 - 28800000000;
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, large.list);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', large.list, name, first, next);
    END LOOP;
END $$;

-- As before, but no younger days than may go by the clock of this server, and nothing of a list that is kept for good (T28). Its
-- partitions are let go at once or, where somebody looks at them, not now: whoever asks tries again.
CREATE OR REPLACE FUNCTION drop_partitions(large text, keep_from bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
DECLARE
    list partitioned;
    part record;
    dropped bigint := 0;
    edge_day bigint;
    edge bigint;
BEGIN
    SELECT * INTO list FROM partitioned p WHERE p.list = large;
    IF NOT FOUND OR list.may_go_after IS NULL THEN
        RAISE EXCEPTION 'nothing of % is let go', large;
    END IF;
    edge_day := least(keep_from, (now() AT TIME ZONE 'UTC' + interval '8 hours')::date - date '1970-01-01' - list.may_go_after);
    edge := CASE WHEN list.by_instant THEN edge_day * 86400000000 - 28800000000 ELSE edge_day END;
    PERFORM pg_advisory_xact_lock(645200719970002);
    INSERT INTO retention AS r (list, keep_from) VALUES (large, edge_day)
        ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET keep_from = greatest(r.keep_from, excluded.keep_from);
    FOR part IN
        SELECT child.oid::regclass AS name, bound.next
        FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        CROSS JOIN LATERAL (SELECT substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \(''?([0-9-]+)''?\)')::bigint AS next) bound
        WHERE inhparent = large::regclass AND bound.next <= edge
    LOOP
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %s', large, part.name);
        EXECUTE format('DROP TABLE %s', part.name);
        IF large = 'outbox' THEN
            DELETE FROM outbox_count WHERE at < part.next;
        ELSIF large = 'billing_value' THEN
            DELETE FROM area_use WHERE at < part.next;
        END IF;
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- Events of a kind that is rare are found without a look at all others.
CREATE INDEX meter_event_by_kind ON meter_event (kind, collected_at, meter_id, began);
