-- When the clock of this machine was set, by the clock as it was from then on.
CREATE TABLE clock_step (
    at INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- Sessions that stand behind the moment at which a clock was set back: the clock before dated them.
CREATE TABLE clock_outdated (
    meter_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, at)
) STRICT, WITHOUT ROWID;
