-- Passwords of meters, sealed (T24). Nothing here can be read without the key file, which is not in the database.

-- Keys that passwords are sealed with. Each may be wrapped by several key files while one replaces another.
-- wrapped_by: the name of the key file; wrapped: nonce, cipher text and tag.
CREATE TABLE data_key (
    id INTEGER NOT NULL,
    wrapped_by TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (id, wrapped_by)
) STRICT, WITHOUT ROWID;

-- scope: meter:NUMBER, line:NAME or profile:NAME; level: 0 to 9; sealed: nonce, cipher text and tag, bound to scope,
-- level and key, so that a row that is moved cannot be opened.
CREATE TABLE meter_secret (
    scope TEXT NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 9),
    key_id INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    replaced_at INTEGER NOT NULL,
    PRIMARY KEY (scope, level)
) STRICT, WITHOUT ROWID;

-- Meters that did not take what an order was signed with: one in a day is enough (F10, I18). kind: see the list
-- secret_kind; day: days since 1970-01-01 in UTC+8.
CREATE TABLE refused_secret (
    meter_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, day, kind)
) STRICT, WITHOUT ROWID;
