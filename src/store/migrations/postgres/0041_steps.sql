-- When the clock of this machine was set, by the clock as it was from then on.
CREATE TABLE clock_step (
    at bigint NOT NULL PRIMARY KEY
);

-- Sessions that stand behind the moment at which a clock was set back: the clock before dated them.
CREATE TABLE clock_outdated (
    meter_id bigint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (meter_id, at)
);
