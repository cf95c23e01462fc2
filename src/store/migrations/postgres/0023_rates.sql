-- How many requests of a minute were taken, by all instances together (T19). who: an account or a source; kind: look,
-- change or order; minute: since 1970-01-01.
CREATE TABLE request_rate (
    who text NOT NULL,
    kind text NOT NULL,
    minute bigint NOT NULL,
    taken bigint NOT NULL,
    PRIMARY KEY (who, kind, minute)
);
CREATE INDEX request_rate_by_minute ON request_rate (minute);
