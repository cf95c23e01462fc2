-- A site of :meters meters with 30 days of data that end on 2026-11-23, for measuring how fast pages are.
SET synchronous_commit = off;
SELECT make_partitions(date '2026-11-23' - date '1970-01-01' - d) FROM generate_series(0, 31) AS d;

CREATE TEMP TABLE days AS SELECT
    (date '2026-11-23' - date '1970-01-01' - d)::bigint AS day,
    (date '2026-11-23' - date '1970-01-01' - d)::bigint * 86400000000 - 28800000000 AS at
FROM generate_series(0, 29) AS d;
CREATE TEMP TABLE meters AS SELECT g::bigint AS id FROM generate_series(1, :meters) AS g;

INSERT INTO feeder SELECT g, 'feeder ' || g FROM generate_series(1, 20) AS g;
INSERT INTO transformer_area SELECT g, lpad(g::text, 4, '0') || '台区', g % 20 + 1 FROM generate_series(1, :meters / 200 + 1) AS g;
INSERT INTO reading_route SELECT g, 'route ' || g, g % 28 + 1 FROM generate_series(1, 30) AS g;
INSERT INTO line SELECT g, 'line ' || lpad(g::text, 4, '0') FROM generate_series(1, :meters / 100 + 1) AS g;
INSERT INTO customer SELECT id, '61' || lpad(id::text, 8, '0'),
    substr('王李张刘陈杨黄赵吴周', (id % 10)::int + 1, 1) || substr('伟芳娜敏静丽强磊军洋', (id / 10 % 10)::int + 1, 1)
        || substr('勇艳杰娟涛明超秀霞平', (id / 100 % 10)::int + 1, 1), 1
FROM meters;
-- The first meter of every area is its check meter.
INSERT INTO metering_point SELECT id, 'P' || lpad(id::text, 9, '0'), id, CASE WHEN id % 200 = 0 THEN 2 ELSE 1 END,
    id / 200 + 1, id % 30 + 1, CASE WHEN id % 50 = 0 THEN 'hospital' END
FROM meters;
INSERT INTO meter (id, address, asset_number, protocol, profile, line_id)
SELECT id, (202400000000 + id * 7)::text, 'A' || lpad((id * 13)::text, 10, '0'), 1, '645-2007-single-phase', id / 100 + 1 FROM meters;
INSERT INTO installation (id, point_id, meter_id, installed_at) SELECT id, id, id, 1700000000000000 FROM meters;
INSERT INTO transformers SELECT id, 1700000000000000, 1700000000000000, '1', '1', 100 FROM meters;

INSERT INTO run SELECT day, 'all', day, 1, 3, :meters, at + 900000000, at + 25200000000, at + 9000000000 FROM days;
INSERT INTO run_meter SELECT m.id, d.day, CASE WHEN (m.id + d.day) % 200 = 0 THEN 2 ELSE 1 END,
    CASE WHEN (m.id + d.day) % 200 = 0 THEN 4 END, NULL, CASE WHEN (m.id + d.day) % 50 = 0 THEN 3 ELSE 0 END, NULL, d.at + 3600000000
FROM days d, meters m ORDER BY d.day, m.id;
INSERT INTO clock_ledger SELECT m.id, d.at + 3600000000, (m.id * 37 % 60000000) - 30000000, 500000 FROM days d, meters m WHERE d.day > 20778;

INSERT INTO meter_fetch SELECT m.id, d.day, d.day, ARRAY[1], d.at, d.at, NULL, 1, d.at + 3600000000, decode(repeat('68', 40), 'hex')
FROM days d, meters m WHERE d.day > 20778;
INSERT INTO register_ledger SELECT m.id, i.id, d.at, 1, (m.id % 977) * 1000 + (d.day % 365) * 500, 0, 1, NULL, d.at + 3600000000, d.day,
    d.at + 3600000000, NULL, NULL
FROM days d, meters m, item i WHERE i.id = 64 ORDER BY d.day, m.id;
INSERT INTO interval_day SELECT m.id, 5888, d.day, 96, c.v, NULL
FROM days d, meters m, (SELECT array_agg((g * 7919 % 5000)::bigint) AS v FROM generate_series(1, 96) AS g) AS c ORDER BY d.day, m.id;
INSERT INTO latest SELECT m.id, i.id, (SELECT max(at) FROM days), (m.id % 977) * 1000 + 15000, 0, 1, (SELECT max(at) FROM days) + 3600000000
FROM meters m, item i WHERE i.id BETWEEN 64 AND 68;

INSERT INTO billing_value SELECT m.id, i.id, k.kind, d.at, 1, (m.id % 977) * 10 + 500, 0, d.at, '{}', d.at + 4000000000
FROM days d, meters m, item i, (VALUES (1), (2)) AS k (kind) WHERE i.id = 64 ORDER BY d.day, m.id;
INSERT INTO outbox SELECT b.point_id, b.item, b.kind, b.at, b.version, 'ledger', b.point_id || '/' || b.item || '/' || b.kind || '/' || b.at || '/1',
    CASE WHEN b.point_id % 5000 = 0 AND b.at = (SELECT max(at) FROM days) THEN 5 ELSE 3 END, NULL, b.settled_at, 1, NULL, b.settled_at
FROM billing_value b ORDER BY b.at, b.point_id;
INSERT INTO review (meter_id, item, as_of, version, current_version, opened_at)
SELECT m.id, i.id, (SELECT max(at) FROM days), 1, NULL, (SELECT max(at) FROM days) + m.id FROM meters m, item i
WHERE i.id = 64 AND m.id % 200 = 7;

INSERT INTO event_count SELECT m.id, k.kind, 5, (SELECT max(at) FROM days) FROM meters m, (VALUES ('03300D00'), ('03110000')) AS k (kind);
INSERT INTO meter_event SELECT m.id, k.kind, '2026-11-' || lpad((1 + g * 4)::text, 2, '0') || ' 08:00:00', '{"kind":"x"}',
    (SELECT max(at) FROM days) - g * 86400000000 + m.id
FROM meters m, generate_series(1, 5) AS g, (VALUES ('03300D00'), ('03110000')) AS k (kind);

INSERT INTO supply_arrears SELECT id, 1790000000000000, 12345, 1790000000000000, 1790000000000000, 'billing' FROM meters WHERE id % 30 = 0;
INSERT INTO supply_notice SELECT id, id, 1, 1791000000000000, 'by hand', 'li', 1791000000000000, 'li' FROM meters WHERE id % 30 = 0;
INSERT INTO alarm (key, kind, severity, subject, detail_zh, detail, count, first_at, last_at)
SELECT 'alarm ' || g, 1, 1, 'subject ' || g, '说明', 'detail', 1, 1790000000000000 + g, 1790000000000000 + g FROM generate_series(1, 5000) AS g;
ANALYZE;
