-- What an auditor looks for by who or what is found without a look at the whole log.
CREATE INDEX audit_by_actor ON audit (actor, number);
CREATE INDEX audit_by_action ON audit (action COLLATE "C", number);

-- When a channel of alarms last took a message is found without a look at all that it ever took.
CREATE INDEX alarm_message_taken ON alarm_message (channel, done_at) WHERE state = 3;

-- Names that failed to sign in and were never heard of again are forgotten by their age.
CREATE INDEX login_attempt_by_time ON login_attempt (last_at);

-- The list of meters as before, with only Latin letters made small: all other signs are found as they are written, whatever the
-- locale of the server is, and the same by a file and a server.
CREATE OR REPLACE VIEW meter_now AS SELECT
    m.id AS meter_id,
    p.area_id AS area_id,
    lower((m.address || chr(10) || coalesce(m.asset_number, '') || chr(10) || coalesce(p.number, '') || chr(10)
        || coalesce(a.name, '')) COLLATE "C") COLLATE "default" AS words,
    lower((coalesce(c.number, '') || chr(10) || coalesce(c.name, '')) COLLATE "C") COLLATE "default" AS customer_words,
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
UPDATE meter_list w SET words = n.words, customer_words = n.customer_words FROM meter_now n
WHERE n.meter_id = w.meter_id AND (w.words, w.customer_words) IS DISTINCT FROM (n.words, n.customer_words);
