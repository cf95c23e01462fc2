-- Values of curves say which exchange brought them, and what the meter's clock showed for those that it kept under a time.
DROP VIEW interval_read;
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
    j.value AS value_scaled,
    (SELECT CASE s.name WHEN 'load record' THEN strftime('%Y-%m-%d %H:%M:%S',
            d.day * 86400 + j.key * (86400 / d.slots), 'unixepoch') END
        FROM meter_fetch f JOIN coded s ON s.list = 'source' AND s.code = f.source
        WHERE f.meter_id = d.meter_id
            AND f.from_at BETWEEN d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots) - 86400000000
                AND d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND f.until_at >= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND EXISTS (SELECT 1 FROM json_each(f.items) e WHERE e.value = d.item)
            AND NOT EXISTS (SELECT 1 FROM json_each(f.holes) h WHERE h.value ->> 0 = d.item
                AND h.value ->> 1 = d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
        ORDER BY f.id LIMIT 1) AS meter_time,
    (SELECT f.id FROM meter_fetch f
        WHERE f.meter_id = d.meter_id
            AND f.from_at BETWEEN d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots) - 86400000000
                AND d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND f.until_at >= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
            AND EXISTS (SELECT 1 FROM json_each(f.items) e WHERE e.value = d.item)
            AND NOT EXISTS (SELECT 1 FROM json_each(f.holes) h WHERE h.value ->> 0 = d.item
                AND h.value ->> 1 = d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
        ORDER BY f.id LIMIT 1) AS fetch_id
FROM interval_day d
JOIN json_each(d.v) j ON j.value IS NOT NULL
JOIN item i ON i.id = d.item
JOIN meter m ON m.id = d.meter_id
LEFT JOIN installation n ON n.meter_id = d.meter_id
    AND n.installed_at <= d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots)
    AND (n.removed_at IS NULL
        OR n.removed_at > d.day * 86400000000 - 28800000000 + j.key * (86400000000 / d.slots))
LEFT JOIN metering_point p ON p.id = n.point_id;
