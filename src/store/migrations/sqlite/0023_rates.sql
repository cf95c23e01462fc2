-- How many requests of a minute were taken, by all instances together (T19). who: an account or a source; kind: look,
-- change or order; minute: since 1970-01-01.
CREATE TABLE request_rate (
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    minute INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    PRIMARY KEY (who, kind, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_rate_by_minute ON request_rate (minute);
