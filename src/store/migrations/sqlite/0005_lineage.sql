-- Which run an exchange belonged to; NULL for what was asked outside one.
ALTER TABLE meter_fetch ADD COLUMN run_id INTEGER;

-- Where each version of a register read comes from: the frames of the answer, the run, who decided.
CREATE VIEW register_lineage AS
SELECT
    m.address AS meter_address,
    i.code AS item,
    strftime('%Y-%m-%dT%H:%M:%SZ', l.as_of / 1000000, 'unixepoch') AS as_of,
    l.version AS version,
    q.name AS quality,
    s.name AS source,
    l.fetch_id AS fetch_id,
    hex(f.frames) AS frames,
    f.run_id AS run_id,
    strftime('%Y-%m-%d', r.day * 86400, 'unixepoch') AS run_day,
    l.decided_by AS decided_by,
    l.note AS note
FROM register_ledger l
JOIN item i ON i.id = l.item
JOIN meter m ON m.id = l.meter_id
JOIN coded s ON s.list = 'source' AND s.code = l.source
JOIN coded q ON q.list = 'quality' AND q.code = l.quality
LEFT JOIN meter_fetch f ON f.id = l.fetch_id AND f.meter_id = l.meter_id
LEFT JOIN run r ON r.id = f.run_id;
