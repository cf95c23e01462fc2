-- Concentrators and terminals (集中器, 采集终端): who was taken in, and what each has told of itself.
CREATE TABLE terminal (
    address TEXT PRIMARY KEY,
    name TEXT,
    -- NULL for one that is only known from the archive.
    adopted_at INTEGER,
    adopted_by TEXT,
    forgotten_at INTEGER,
    logged_in_at INTEGER,
    heard_at INTEGER,
    -- The largest frames it takes and sends, in counted bytes.
    takes INTEGER,
    sends INTEGER,
    -- Its own list of meters as it was last compared: when, how many records, and what differs, as JSON.
    archive_read_at INTEGER,
    archive_records INTEGER,
    archive_differences TEXT,
    -- Places behind the last event that is kept, in its rings of 256.
    important INTEGER,
    ordinary INTEGER
) STRICT;

-- How the clock of a terminal stood, session by session.
CREATE TABLE terminal_clock (
    terminal TEXT NOT NULL,
    at INTEGER NOT NULL,
    fast_us INTEGER NOT NULL,
    uncertainty_us INTEGER NOT NULL,
    PRIMARY KEY (terminal, at)
) STRICT, WITHOUT ROWID;

-- Measuring points of which the meter itself was asked: what the terminal stores for the point is this meter's.
CREATE TABLE terminal_point (
    meter_id INTEGER PRIMARY KEY REFERENCES meter,
    terminal TEXT NOT NULL,
    point INTEGER NOT NULL,
    verified_at INTEGER NOT NULL
) STRICT;

-- Events that terminals have recorded, each once, however often it was told.
CREATE TABLE terminal_event (
    terminal TEXT NOT NULL,
    important INTEGER NOT NULL,
    place INTEGER NOT NULL,
    code INTEGER NOT NULL,
    body TEXT NOT NULL,
    meter_id INTEGER,
    began TEXT,
    record TEXT NOT NULL,
    collected_at INTEGER NOT NULL,
    PRIMARY KEY (terminal, important, place, code, body)
) STRICT, WITHOUT ROWID;
CREATE INDEX terminal_event_by_time ON terminal_event (collected_at);
CREATE INDEX terminal_event_by_meter ON terminal_event (meter_id) WHERE meter_id IS NOT NULL;
