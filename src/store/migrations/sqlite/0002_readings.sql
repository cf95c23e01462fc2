-- What meters said. Nothing here is changed once it is written: registers get versions, a slot keeps its first value.

-- How often the database was opened; makes numbers given out by different openings differ.
CREATE TABLE opening (number INTEGER NOT NULL) STRICT;
INSERT INTO opening VALUES (0);

-- From which day on things are kept; rows of earlier days may be deleted.
CREATE TABLE retention (
    list TEXT PRIMARY KEY,
    keep_from INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER retention_only_moves_on BEFORE UPDATE ON retention WHEN NEW.keep_from < OLD.keep_from
BEGIN SELECT RAISE(ABORT, 'what was let go does not come back'); END;

-- One exchange with a meter that brought values, and the frames of its answer. day is that of from_at; a fetch spans one
-- day at most. items: keys of the items as JSON. holes: instants in the span without a value, as JSON [[item, instant]].
CREATE TABLE meter_fetch (
    id INTEGER PRIMARY KEY,
    meter_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    items TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    holes TEXT,
    source INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    frames BLOB NOT NULL,
    CHECK (until_at BETWEEN from_at AND from_at + 86400000000)
) STRICT;
CREATE INDEX meter_fetch_by_meter ON meter_fetch (meter_id, from_at);
CREATE INDEX meter_fetch_by_day ON meter_fetch (day);
CREATE TRIGGER meter_fetch_stays BEFORE UPDATE ON meter_fetch BEGIN SELECT RAISE(ABORT, 'a fetch is not changed'); END;
CREATE TRIGGER meter_fetch_is_kept BEFORE DELETE ON meter_fetch
WHEN NOT EXISTS (SELECT 1 FROM retention WHERE list = 'meter_fetch' AND OLD.day < keep_from)
BEGIN SELECT RAISE(ABORT, 'a fetch is kept'); END;

-- States of registers, by version. The newest accepted version (quality below 10) is the current one.
CREATE TABLE register_ledger (
    meter_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value INTEGER NOT NULL,
    quality INTEGER NOT NULL,
    source INTEGER NOT NULL,
    meter_time TEXT,
    collected_at INTEGER NOT NULL,
    fetch_id INTEGER,
    recorded_at INTEGER NOT NULL,
    decided_by TEXT,
    note TEXT,
    UNIQUE (meter_id, item, as_of, version)
) STRICT;
CREATE INDEX register_ledger_by_time ON register_ledger (as_of);
CREATE TRIGGER register_ledger_stays BEFORE UPDATE ON register_ledger
BEGIN SELECT RAISE(ABORT, 'a register read is not changed: add a version'); END;
CREATE TRIGGER register_ledger_is_kept BEFORE DELETE ON register_ledger
WHEN NOT EXISTS (
    SELECT 1 FROM retention WHERE list = 'register_ledger' AND OLD.as_of < keep_from * 86400000000 - 28800000000)
BEGIN SELECT RAISE(ABORT, 'a register read is kept'); END;

-- Values at regular instants of one day: slot n of day d holds at d 00:00 UTC+8 + n * day/slots. v: JSON array from slot 0
-- to the last filled one, null where a value is missing. q: their qualities likewise, NULL when all are good.
CREATE TABLE interval_day (
    meter_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    day INTEGER NOT NULL,
    slots INTEGER NOT NULL CHECK (slots > 0 AND 1440 % slots = 0),
    v TEXT NOT NULL,
    q TEXT,
    UNIQUE (meter_id, item, day)
) STRICT;
CREATE INDEX interval_day_by_day ON interval_day (day);
-- Adding behind the last filled slot is seen at once to change nothing; anything else is compared slot by slot.
CREATE TRIGGER interval_day_only_fills BEFORE UPDATE ON interval_day
WHEN NOT (NEW.meter_id = OLD.meter_id AND NEW.item = OLD.item AND NEW.day = OLD.day AND NEW.slots = OLD.slots
    AND NEW.q IS OLD.q AND substr(NEW.v, 1, length(OLD.v) - 1) = substr(OLD.v, 1, length(OLD.v) - 1)
    AND substr(NEW.v, length(OLD.v), 1) IN (',', ']'))
BEGIN
    SELECT RAISE(ABORT, 'a filled slot is not changed')
    WHERE NEW.meter_id <> OLD.meter_id OR NEW.item <> OLD.item OR NEW.day <> OLD.day OR NEW.slots % OLD.slots <> 0
        OR EXISTS (
            SELECT 1 FROM json_each(OLD.v) AS old
            WHERE old.value IS NOT NULL AND (
                json_extract(NEW.v, '$[' || (old.key * NEW.slots / OLD.slots) || ']') IS NOT old.value
                OR coalesce(json_extract(NEW.q, '$[' || (old.key * NEW.slots / OLD.slots) || ']'), 0)
                    <> coalesce(json_extract(OLD.q, '$[' || old.key || ']'), 0)));
END;
CREATE TRIGGER interval_day_is_kept BEFORE DELETE ON interval_day
WHEN NOT EXISTS (SELECT 1 FROM retention WHERE list = 'interval_day' AND OLD.day < keep_from)
BEGIN SELECT RAISE(ABORT, 'a filled slot is kept'); END;

-- Later values that differ from the one in their slot.
CREATE TABLE interval_conflict (
    meter_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    offered INTEGER NOT NULL,
    fetch_id INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, item, at, offered)
) STRICT, WITHOUT ROWID;

-- The newest accepted value of each item of each meter.
CREATE TABLE latest (
    meter_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    at INTEGER NOT NULL,
    value INTEGER NOT NULL,
    quality INTEGER NOT NULL,
    source INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, item)
) STRICT, WITHOUT ROWID;

-- Suspect versions that wait for a person. current_version: the one that counted when it came in.
CREATE TABLE review (
    id INTEGER PRIMARY KEY,
    meter_id INTEGER NOT NULL,
    item INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    version INTEGER NOT NULL,
    current_version INTEGER,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    decision INTEGER,
    decided_by TEXT,
    note TEXT,
    UNIQUE (meter_id, item, as_of, version)
) STRICT;
CREATE INDEX review_open ON review (opened_at) WHERE closed_at IS NULL;

CREATE VIEW register_read AS
SELECT
    p.number AS point_number,
    m.address AS meter_address,
    i.code AS item,
    i.tariff AS tariff,
    strftime('%Y-%m-%dT%H:%M:%SZ', l.as_of / 1000000, 'unixepoch') AS as_of,
    CASE WHEN l.value < 0 THEN '-' ELSE '' END || CASE WHEN i.decimals = 0 THEN printf('%d', abs(l.value))
        ELSE printf('%d.%0*d', abs(l.value) / i.one, i.decimals, abs(l.value) % i.one) END AS value,
    i.unit AS unit,
    l.meter_time AS meter_time,
    strftime('%Y-%m-%dT%H:%M:%S', l.collected_at / 1000000, 'unixepoch')
        || printf('.%06dZ', l.collected_at % 1000000) AS collected_at,
    s.name AS source,
    q.name AS quality,
    l.version AS version,
    l.quality < 10 AND NOT EXISTS (
        SELECT 1 FROM register_ledger n WHERE n.meter_id = l.meter_id AND n.item = l.item AND n.as_of = l.as_of
            AND n.version > l.version AND n.quality < 10) AS is_current,
    l.value AS value_scaled
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
    strftime('%Y-%m-%dT%H:%M:%SZ', (d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)) / 1000000,
        'unixepoch') AS at,
    CASE WHEN j.value < 0 THEN '-' ELSE '' END || CASE WHEN i.decimals = 0 THEN printf('%d', abs(j.value))
        ELSE printf('%d.%0*d', abs(j.value) / i.one, i.decimals, abs(j.value) % i.one) END AS value,
    i.unit AS unit,
    (SELECT q.name FROM coded q WHERE q.list = 'quality'
        AND q.code = coalesce(json_extract(d.q, '$[' || j.key || ']'), 0)) AS quality,
    (SELECT s.name FROM meter_fetch f JOIN coded s ON s.list = 'source' AND s.code = f.source
        WHERE f.meter_id = d.meter_id
            AND f.from_at BETWEEN d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots) - 86400000000
                AND d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND f.until_at >= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND EXISTS (SELECT 1 FROM json_each(f.items) e WHERE e.value = d.item)
            AND NOT EXISTS (SELECT 1 FROM json_each(f.holes) h WHERE h.value ->> 0 = d.item
                AND h.value ->> 1 = d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
        ORDER BY f.id LIMIT 1) AS source,
    (SELECT strftime('%Y-%m-%dT%H:%M:%S', f.collected_at / 1000000, 'unixepoch')
            || printf('.%06dZ', f.collected_at % 1000000)
        FROM meter_fetch f
        WHERE f.meter_id = d.meter_id
            AND f.from_at BETWEEN d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots) - 86400000000
                AND d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND f.until_at >= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND EXISTS (SELECT 1 FROM json_each(f.items) e WHERE e.value = d.item)
            AND NOT EXISTS (SELECT 1 FROM json_each(f.holes) h WHERE h.value ->> 0 = d.item
                AND h.value ->> 1 = d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
        ORDER BY f.id LIMIT 1) AS collected_at,
    j.value AS value_scaled
FROM interval_day d
JOIN json_each(d.v) j ON j.value IS NOT NULL
JOIN item i ON i.id = d.item
JOIN meter m ON m.id = d.meter_id
LEFT JOIN installation n ON n.meter_id = d.meter_id
    AND n.installed_at <= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
    AND (n.removed_at IS NULL
        OR n.removed_at > d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
LEFT JOIN metering_point p ON p.id = n.point_id;
