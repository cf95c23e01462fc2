-- Who is supplied where, through which meter. Instants are microseconds UTC, days are days since 1970-01-01 of UTC+8.

-- Measured quantities; filled by the program. Values are whole numbers of 1/one of the unit.
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    tariff INTEGER NOT NULL,
    unit TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    one INTEGER NOT NULL,
    name_en TEXT NOT NULL,
    name_zh TEXT NOT NULL
) STRICT;

-- What the numbers of closed lists stand for; filled by the program.
CREATE TABLE coded (
    list TEXT NOT NULL,
    code INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (list, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    class INTEGER
) STRICT;

CREATE TABLE feeder (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE transformer_area (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    feeder_id INTEGER REFERENCES feeder
) STRICT;

CREATE TABLE reading_route (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    reading_day INTEGER CHECK (reading_day BETWEEN 1 AND 28)
) STRICT;

CREATE TABLE line (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metering_point (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    customer_id INTEGER NOT NULL REFERENCES customer,
    role INTEGER NOT NULL,
    area_id INTEGER REFERENCES transformer_area,
    route_id INTEGER REFERENCES reading_route,
    protection TEXT
) STRICT;
CREATE INDEX metering_point_by_customer ON metering_point (customer_id);
CREATE INDEX metering_point_by_area ON metering_point (area_id);

CREATE TABLE meter (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    asset_number TEXT,
    protocol INTEGER NOT NULL,
    profile TEXT,
    line_id INTEGER REFERENCES line,
    terminal TEXT,
    measuring_point INTEGER,
    terminal_port INTEGER,
    baud INTEGER,
    parity INTEGER,
    CHECK ((line_id IS NULL) <> (terminal IS NULL)),
    CHECK ((terminal IS NULL) = (measuring_point IS NULL))
) STRICT;
CREATE INDEX meter_by_line ON meter (line_id);
CREATE INDEX meter_by_terminal ON meter (terminal);

-- A stretch of time for which a meter measures a point.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY,
    point_id INTEGER NOT NULL REFERENCES metering_point,
    meter_id INTEGER NOT NULL REFERENCES meter,
    installed_at INTEGER NOT NULL,
    removed_at INTEGER,
    CHECK (removed_at >= installed_at),
    UNIQUE (meter_id, installed_at)
) STRICT;
CREATE INDEX installation_by_point ON installation (point_id, installed_at);
CREATE UNIQUE INDEX installation_of_meter ON installation (meter_id) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX installation_of_point ON installation (point_id) WHERE removed_at IS NULL;

-- The transformers of a point from an instant on; the multiplier in hundredths. Of several entries for one instant the
-- last one entered counts.
CREATE TABLE transformers (
    point_id INTEGER NOT NULL REFERENCES metering_point,
    from_at INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    ct TEXT NOT NULL,
    vt TEXT NOT NULL,
    multiplier INTEGER NOT NULL CHECK (multiplier > 0),
    PRIMARY KEY (point_id, from_at, entered_at)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER installation_stays BEFORE UPDATE ON installation
WHEN NEW.meter_id <> OLD.meter_id OR NEW.point_id <> OLD.point_id
BEGIN SELECT RAISE(ABORT, 'an installation keeps its meter and its point'); END;
CREATE TRIGGER installation_is_kept BEFORE DELETE ON installation
BEGIN SELECT RAISE(ABORT, 'an installation is ended, not deleted'); END;
CREATE TRIGGER transformers_stay BEFORE UPDATE ON transformers
BEGIN SELECT RAISE(ABORT, 'transformers are only added'); END;
CREATE TRIGGER transformers_are_kept BEFORE DELETE ON transformers
BEGIN SELECT RAISE(ABORT, 'transformers are only added'); END;
