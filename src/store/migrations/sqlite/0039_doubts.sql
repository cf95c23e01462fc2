-- A session in which nothing bore out the clock of this machine: it tells how far both were apart, and not whose clock it was.
ALTER TABLE clock_ledger ADD COLUMN is_doubted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX clock_ledger_doubted ON clock_ledger (at) WHERE is_doubted = 1;

-- When a person has confirmed that the clock of this machine is right, and that meters are as far off as they were then.
CREATE TABLE clock_confirmed (
    at INTEGER NOT NULL PRIMARY KEY,
    confirmed_by TEXT NOT NULL
) STRICT;

-- Whether the meter of an installation tells the asset number that the archive had for it then (资产编号核对); told is NULL where
-- it tells none.
CREATE TABLE asset_check (
    meter_id INTEGER NOT NULL PRIMARY KEY,
    installed_at INTEGER NOT NULL,
    archived TEXT NOT NULL,
    told TEXT,
    agrees INTEGER NOT NULL,
    checked_at INTEGER NOT NULL
) STRICT;
-- Meters that were put in before this was checked are not held.
INSERT INTO asset_check (meter_id, installed_at, archived, told, agrees, checked_at)
    SELECT m.id, n.installed_at, m.asset_number, NULL, 1, n.installed_at FROM installation n JOIN meter m ON m.id = n.meter_id
    WHERE n.removed_at IS NULL AND m.asset_number IS NOT NULL;
