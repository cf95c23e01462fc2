-- Since when the meter itself has borne out what its terminal stores for the point: what was stored before is not believed (F24).
ALTER TABLE terminal_point ADD COLUMN verified_since bigint;
UPDATE terminal_point SET verified_since = verified_at;
