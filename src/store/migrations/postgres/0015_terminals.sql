-- Concentrators and terminals (集中器, 采集终端): who was taken in, and what each has told of itself.
CREATE TABLE terminal (
    address text PRIMARY KEY,
    name text,
    -- NULL for one that is only known from the archive.
    adopted_at bigint,
    adopted_by text,
    forgotten_at bigint,
    logged_in_at bigint,
    heard_at bigint,
    -- The largest frames it takes and sends, in counted bytes.
    takes bigint,
    sends bigint,
    -- Its own list of meters as it was last compared: when, how many records, and what differs, as JSON.
    archive_read_at bigint,
    archive_records bigint,
    archive_differences text,
    -- Places behind the last event that is kept, in its rings of 256.
    important bigint,
    ordinary bigint
);

-- How the clock of a terminal stood, session by session.
CREATE TABLE terminal_clock (
    terminal text NOT NULL,
    at bigint NOT NULL,
    fast_us bigint NOT NULL,
    uncertainty_us bigint NOT NULL,
    PRIMARY KEY (terminal, at)
);

-- Measuring points of which the meter itself was asked: what the terminal stores for the point is this meter's.
CREATE TABLE terminal_point (
    meter_id bigint PRIMARY KEY REFERENCES meter,
    terminal text NOT NULL,
    point bigint NOT NULL,
    verified_at bigint NOT NULL
);

-- Events that terminals have recorded, each once, however often it was told.
CREATE TABLE terminal_event (
    terminal text NOT NULL,
    important bigint NOT NULL,
    place bigint NOT NULL,
    code bigint NOT NULL,
    body text NOT NULL,
    meter_id bigint,
    began text,
    record text NOT NULL,
    collected_at bigint NOT NULL,
    PRIMARY KEY (terminal, important, place, code, body)
);
CREATE INDEX terminal_event_by_time ON terminal_event (collected_at);
CREATE INDEX terminal_event_by_meter ON terminal_event (meter_id) WHERE meter_id IS NOT NULL;
