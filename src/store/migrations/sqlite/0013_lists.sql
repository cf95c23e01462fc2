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
    lower(m.address || char(10) || coalesce(m.asset_number, '') || char(10) || coalesce(p.number, '') || char(10)
        || coalesce(a.name, '')) AS words,
    lower(coalesce(c.number, '') || char(10) || coalesce(c.name, '')) AS customer_words
FROM meter m
LEFT JOIN line l ON l.id = m.line_id
LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL
LEFT JOIN metering_point p ON p.id = i.point_id
LEFT JOIN customer c ON c.id = p.customer_id
LEFT JOIN transformer_area a ON a.id = p.area_id;

CREATE TABLE meter_list (
    meter_id INTEGER PRIMARY KEY,
    area_id INTEGER,
    address TEXT NOT NULL,
    asset TEXT NOT NULL,
    point TEXT NOT NULL,
    customer TEXT NOT NULL,
    area TEXT NOT NULL,
    line TEXT NOT NULL,
    words TEXT NOT NULL,
    customer_words TEXT NOT NULL
) STRICT;
INSERT INTO meter_list SELECT * FROM meter_now;
CREATE INDEX meter_list_by_address ON meter_list (address, meter_id);
CREATE INDEX meter_list_by_asset ON meter_list (asset, meter_id);
CREATE INDEX meter_list_by_point ON meter_list (point, meter_id);
CREATE INDEX meter_list_by_customer ON meter_list (customer, meter_id);
CREATE INDEX meter_list_by_area ON meter_list (area, meter_id);
CREATE INDEX meter_list_by_line ON meter_list (line, meter_id);

CREATE TRIGGER meter_is_listed AFTER INSERT ON meter
BEGIN
    DELETE FROM meter_list WHERE meter_id = NEW.id;
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = NEW.id;
END;
CREATE TRIGGER meter_is_listed_anew AFTER UPDATE ON meter
WHEN NEW.address IS NOT OLD.address OR NEW.asset_number IS NOT OLD.asset_number OR NEW.line_id IS NOT OLD.line_id
    OR NEW.terminal IS NOT OLD.terminal
BEGIN
    DELETE FROM meter_list WHERE meter_id = NEW.id;
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = NEW.id;
END;
CREATE TRIGGER installation_is_listed AFTER INSERT ON installation
BEGIN
    DELETE FROM meter_list WHERE meter_id = NEW.meter_id;
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = NEW.meter_id;
END;
CREATE TRIGGER installation_is_listed_anew AFTER UPDATE ON installation WHEN NEW.removed_at IS NOT OLD.removed_at
BEGIN
    DELETE FROM meter_list WHERE meter_id = NEW.meter_id;
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id = NEW.meter_id;
END;
CREATE TRIGGER point_is_listed_anew AFTER UPDATE ON metering_point
WHEN NEW.number IS NOT OLD.number OR NEW.customer_id IS NOT OLD.customer_id OR NEW.area_id IS NOT OLD.area_id
BEGIN
    DELETE FROM meter_list WHERE meter_id IN
        (SELECT meter_id FROM installation WHERE point_id = NEW.id AND removed_at IS NULL);
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id IN
        (SELECT meter_id FROM installation WHERE point_id = NEW.id AND removed_at IS NULL);
END;
CREATE TRIGGER customer_is_listed_anew AFTER UPDATE ON customer
WHEN NEW.number IS NOT OLD.number OR NEW.name IS NOT OLD.name
BEGIN
    DELETE FROM meter_list WHERE meter_id IN (SELECT i.meter_id FROM metering_point p
        JOIN installation i ON i.point_id = p.id AND i.removed_at IS NULL WHERE p.customer_id = NEW.id);
    INSERT INTO meter_list SELECT * FROM meter_now WHERE meter_id IN (SELECT i.meter_id FROM metering_point p
        JOIN installation i ON i.point_id = p.id AND i.removed_at IS NULL WHERE p.customer_id = NEW.id);
END;

-- What a day's rows are counted by, without a look at the rows.
DROP INDEX outbox_by_time;
CREATE INDEX outbox_by_time ON outbox (at, receiver, state);
