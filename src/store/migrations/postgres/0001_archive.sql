-- Who is supplied where, through which meter. Instants are microseconds UTC, days are days since 1970-01-01 of UTC+8.

-- Measured quantities; filled by the program. Values are whole numbers of 1/one of the unit.
CREATE TABLE item (
    id bigint PRIMARY KEY,
    code text NOT NULL UNIQUE,
    tariff bigint NOT NULL,
    unit text NOT NULL,
    decimals bigint NOT NULL,
    one bigint NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL
);

-- What the numbers of closed lists stand for; filled by the program.
CREATE TABLE coded (
    list text NOT NULL,
    code bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (list, code)
);

CREATE TABLE customer (
    id bigint PRIMARY KEY,
    number text NOT NULL UNIQUE,
    name text NOT NULL,
    class bigint
);

CREATE TABLE feeder (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE transformer_area (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    feeder_id bigint REFERENCES feeder
);

CREATE TABLE reading_route (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    reading_day bigint CHECK (reading_day BETWEEN 1 AND 28)
);

CREATE TABLE line (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE metering_point (
    id bigint PRIMARY KEY,
    number text NOT NULL UNIQUE,
    customer_id bigint NOT NULL REFERENCES customer,
    role bigint NOT NULL,
    area_id bigint REFERENCES transformer_area,
    route_id bigint REFERENCES reading_route,
    protection text
);
CREATE INDEX metering_point_by_customer ON metering_point (customer_id);
CREATE INDEX metering_point_by_area ON metering_point (area_id);

CREATE TABLE meter (
    id bigint PRIMARY KEY,
    address text NOT NULL UNIQUE,
    asset_number text,
    protocol bigint NOT NULL,
    profile text,
    line_id bigint REFERENCES line,
    terminal text,
    measuring_point bigint,
    terminal_port bigint,
    baud bigint,
    parity bigint,
    CHECK ((line_id IS NULL) <> (terminal IS NULL)),
    CHECK ((terminal IS NULL) = (measuring_point IS NULL))
);
CREATE INDEX meter_by_line ON meter (line_id);
CREATE INDEX meter_by_terminal ON meter (terminal);

-- A stretch of time for which a meter measures a point.
CREATE TABLE installation (
    id bigint PRIMARY KEY,
    point_id bigint NOT NULL REFERENCES metering_point,
    meter_id bigint NOT NULL REFERENCES meter,
    installed_at bigint NOT NULL,
    removed_at bigint,
    CHECK (removed_at >= installed_at),
    UNIQUE (meter_id, installed_at)
);
CREATE INDEX installation_by_point ON installation (point_id, installed_at);
CREATE UNIQUE INDEX installation_of_meter ON installation (meter_id) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX installation_of_point ON installation (point_id) WHERE removed_at IS NULL;

-- The transformers of a point from an instant on; the multiplier in hundredths. Of several entries for one instant the
-- last one entered counts.
CREATE TABLE transformers (
    point_id bigint NOT NULL REFERENCES metering_point,
    from_at bigint NOT NULL,
    entered_at bigint NOT NULL,
    ct text NOT NULL,
    vt text NOT NULL,
    multiplier bigint NOT NULL CHECK (multiplier > 0),
    PRIMARY KEY (point_id, from_at, entered_at)
);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;
CREATE TRIGGER installation_stays BEFORE UPDATE ON installation FOR EACH ROW
    WHEN (NEW.meter_id <> OLD.meter_id OR NEW.point_id <> OLD.point_id)
    EXECUTE FUNCTION refuse('an installation keeps its meter and its point');
CREATE TRIGGER installation_is_kept BEFORE DELETE ON installation FOR EACH ROW
    EXECUTE FUNCTION refuse('an installation is ended, not deleted');
CREATE TRIGGER transformers_stay BEFORE UPDATE OR DELETE ON transformers FOR EACH ROW
    EXECUTE FUNCTION refuse('transformers are only added');
