-- Who may sign in, with what, and what was tried. Instants are microseconds UTC. Of what opens a door only hashes are kept,
-- but for the secret of the second factor, from which codes are computed.

-- A human being, or a service of another company; two accounts of one person are one person (T17).
CREATE TABLE person (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at bigint NOT NULL
);

CREATE TABLE account (
    id bigint PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person,
    name text NOT NULL UNIQUE,
    role bigint NOT NULL,
    role_since bigint NOT NULL,
    all_areas bigint NOT NULL,
    is_enabled bigint NOT NULL,
    password_hash text NOT NULL,
    must_set_password bigint NOT NULL,
    factor_secret text,
    -- The last step of time whose code was used: a code counts once.
    factor_step bigint NOT NULL,
    -- A role that somebody proposes and another person has not confirmed yet.
    proposed_role bigint,
    proposed_by bigint REFERENCES person,
    -- Rises with every change.
    version bigint NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX account_by_person ON account (person_id);

-- Where an account may see and act, unless it is everywhere.
CREATE TABLE account_area (
    account_id bigint NOT NULL REFERENCES account,
    area_id bigint NOT NULL REFERENCES transformer_area,
    PRIMARY KEY (account_id, area_id)
);

CREATE TABLE login_session (
    hash text PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    source text NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL
);
CREATE INDEX login_session_by_account ON login_session (account_id);

-- How often somebody failed to sign in, by account and by source.
CREATE TABLE login_attempt (
    subject text PRIMARY KEY,
    failures bigint NOT NULL,
    last_at bigint NOT NULL,
    locked_until bigint NOT NULL
);

CREATE TABLE api_token (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account,
    name text NOT NULL,
    hash text NOT NULL UNIQUE,
    scopes text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    UNIQUE (account_id, name)
);

-- Answers by the key of their request, so that a request that is repeated is not done again (T18).
CREATE TABLE idempotency (
    account_id bigint NOT NULL REFERENCES account,
    key text NOT NULL,
    request_hash text NOT NULL,
    -- Not known until it is done.
    status bigint,
    answer text,
    created_at bigint NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_by_time ON idempotency (created_at);
