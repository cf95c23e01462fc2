-- Who may sign in, with what, and what was tried. Instants are microseconds UTC. Of what opens a door only hashes are kept,
-- but for the secret of the second factor, from which codes are computed.

-- A human being, or a service of another company; two accounts of one person are one person (T17).
CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person,
    name TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL,
    role_since INTEGER NOT NULL,
    all_areas INTEGER NOT NULL,
    is_enabled INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    must_set_password INTEGER NOT NULL,
    factor_secret TEXT,
    -- The last step of time whose code was used: a code counts once.
    factor_step INTEGER NOT NULL,
    -- A role that somebody proposes and another person has not confirmed yet.
    proposed_role INTEGER,
    proposed_by INTEGER REFERENCES person,
    -- Rises with every change.
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_by_person ON account (person_id);

-- Where an account may see and act, unless it is everywhere.
CREATE TABLE account_area (
    account_id INTEGER NOT NULL REFERENCES account,
    area_id INTEGER NOT NULL REFERENCES transformer_area,
    PRIMARY KEY (account_id, area_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE login_session (
    hash TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account,
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_session_by_account ON login_session (account_id);

-- How often somebody failed to sign in, by account and by source.
CREATE TABLE login_attempt (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (account_id, name)
) STRICT;

-- Answers by the key of their request, so that a request that is repeated is not done again (T18).
CREATE TABLE idempotency (
    account_id INTEGER NOT NULL REFERENCES account,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    -- Not known until it is done.
    status INTEGER,
    answer TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);
