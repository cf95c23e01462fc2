-- Values of curves say which exchange brought them, and what the meter's clock showed for those that it kept under a time.
-- A value leads to the first fetch that brought one for its instant.
CREATE OR REPLACE VIEW interval_read AS
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
        ORDER BY f.id LIMIT 1) AS collected_at,
    (SELECT CASE s.name WHEN 'load record'
            THEN to_char(instant(a.at + 28800000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') END
        FROM meter_fetch f JOIN coded s ON s.list = 'source' AND s.code = f.source
        WHERE f.meter_id = a.meter_id AND f.day BETWEEN a.day - 1 AND a.day
            AND f.from_at BETWEEN a.at - 86400000000 AND a.at AND f.until_at >= a.at AND a.item = ANY (f.items)
            AND (f.holes IS NULL
                OR NOT f.holes::jsonb @> jsonb_build_array(jsonb_build_array(a.item, a.at)))
        ORDER BY f.id LIMIT 1) AS meter_time,
    (SELECT f.id FROM meter_fetch f
        WHERE f.meter_id = a.meter_id AND f.day BETWEEN a.day - 1 AND a.day
            AND f.from_at BETWEEN a.at - 86400000000 AND a.at AND f.until_at >= a.at AND a.item = ANY (f.items)
            AND (f.holes IS NULL
                OR NOT f.holes::jsonb @> jsonb_build_array(jsonb_build_array(a.item, a.at)))
        ORDER BY f.id LIMIT 1) AS fetch_id
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
