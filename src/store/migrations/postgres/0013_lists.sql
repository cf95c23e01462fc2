-- What lists of meters are searched and sorted by, in one row for each meter: kept by triggers, wherever a change comes
-- from. Texts that are missing are empty here; words are in small letters, with line feeds between them.

CREATE VIEW meter_now AS SELECT
    m.id AS meter_id,
    p.area_id AS area_id,
    m.address AS address,
    coalesce(m.asset_number, '') AS asset,
    coalesce(p.number, '') AS point,
    coalesce(c.number, '') AS customer,
    coalesce(a.name, '') AS area,
    coalesce(l.name, m.terminal, '') AS line,
    lower(m.address || chr(10) || coalesce(m.asset_number, '') || chr(10) || coalesce(p.number, '') || chr(10)
        || coalesce(a.name, '')) AS words,
    lower(coalesce(c.number, '') || chr(10) || coalesce(c.name, '')) AS customer_words
FROM meter m
LEFT JOIN line l ON l.id = m.line_id
LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL
LEFT JOIN metering_point p ON p.id = i.point_id
LEFT JOIN customer c ON c.id = p.customer_id
LEFT JOIN transformer_area a ON a.id = p.area_id;

CREATE TABLE meter_list (
    meter_id bigint PRIMARY KEY,
    area_id bigint,
    address text NOT NULL,
    asset text NOT NULL,
    point text NOT NULL,
    customer text NOT NULL,
    area text NOT NULL,
    line text NOT NULL,
    words text NOT NULL,
    customer_words text NOT NULL
);
INSERT INTO meter_list SELECT * FROM meter_now;
CREATE INDEX meter_list_by_address ON meter_list (address, meter_id);
CREATE INDEX meter_list_by_asset ON meter_list (asset, meter_id);
CREATE INDEX meter_list_by_point ON meter_list (point, meter_id);
CREATE INDEX meter_list_by_customer ON meter_list (customer, meter_id);
CREATE INDEX meter_list_by_area ON meter_list (area, meter_id);
CREATE INDEX meter_list_by_line ON meter_list (line, meter_id);

CREATE FUNCTION list_meters(ids bigint[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM meter_list WHERE meter_id = ANY (ids);
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = ANY (ids);
$$;

CREATE FUNCTION list_new_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_meters(ARRAY(SELECT id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER meter_is_listed AFTER INSERT ON meter REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_new_meters();

CREATE FUNCTION list_changed_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_meters(ARRAY(SELECT id FROM (SELECT * FROM changed EXCEPT SELECT * FROM before) AS other));
    RETURN NULL;
END $$;
CREATE TRIGGER meter_is_listed_anew AFTER UPDATE ON meter REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_changed_meters();

CREATE FUNCTION list_installed_meters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_meters(ARRAY(SELECT meter_id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER installation_is_listed AFTER INSERT ON installation REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_installed_meters();
CREATE TRIGGER installation_is_listed_anew AFTER UPDATE ON installation REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_installed_meters();

CREATE FUNCTION list_changed_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_meters(ARRAY(SELECT i.meter_id FROM (SELECT * FROM changed EXCEPT SELECT * FROM before) AS other
        JOIN installation i ON i.point_id = other.id AND i.removed_at IS NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER point_is_listed_anew AFTER UPDATE ON metering_point REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_changed_points();

CREATE FUNCTION list_changed_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_meters(ARRAY(SELECT i.meter_id FROM (SELECT * FROM changed EXCEPT SELECT * FROM before) AS other
        JOIN metering_point p ON p.customer_id = other.id
        JOIN installation i ON i.point_id = p.id AND i.removed_at IS NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER customer_is_listed_anew AFTER UPDATE ON customer REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION list_changed_customers();

-- What a day's rows are counted by, without a look at the rows.
DROP INDEX outbox_by_time;
CREATE INDEX outbox_by_time ON outbox (at, receiver, state);
