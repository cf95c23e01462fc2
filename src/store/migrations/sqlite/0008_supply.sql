-- Supply orders, what was approved and tried, and what the rules need to know. Instants are microseconds UTC, days are days
-- since 1970-01-01 of UTC+8, amounts of money whole fen.

CREATE TABLE supply_order (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    text TEXT NOT NULL,
    window_from INTEGER NOT NULL,
    window_until INTEGER NOT NULL,
    -- That of its points that is least far; kept beside them so that lists need not ask.
    state INTEGER NOT NULL,
    -- Above a ceiling: it needs a second approver.
    is_quarantined INTEGER NOT NULL,
    -- A point was refused when it was handed in.
    is_flagged INTEGER NOT NULL,
    has_stopped_itself INTEGER NOT NULL,
    requested_by INTEGER NOT NULL,
    requested_name TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    submitted_at INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX supply_order_by_time ON supply_order (created_at);
CREATE INDEX supply_order_by_state ON supply_order (state, created_at);

-- A point as it was ordered: with the meter and the customer it had then.
CREATE TABLE supply_order_point (
    order_id INTEGER NOT NULL REFERENCES supply_order,
    point_id INTEGER NOT NULL REFERENCES metering_point,
    meter_id INTEGER NOT NULL REFERENCES meter,
    customer_id INTEGER NOT NULL REFERENCES customer,
    area_id INTEGER,
    state INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- When something is to be done about it next.
    due_at INTEGER NOT NULL,
    -- What last stood against it, and what is known of it: short names.
    objections TEXT NOT NULL,
    proof TEXT NOT NULL,
    -- How often people were told that it is late or not known.
    told INTEGER NOT NULL,
    PRIMARY KEY (order_id, point_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX supply_order_point_by_point ON supply_order_point (point_id, state);
CREATE INDEX supply_order_point_by_state ON supply_order_point (state, due_at);

-- Everybody who wrote an order or handed it in: none of them approves it.
CREATE TABLE supply_order_writer (
    order_id INTEGER NOT NULL REFERENCES supply_order,
    person_id INTEGER NOT NULL,
    PRIMARY KEY (order_id, person_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE supply_approval (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES supply_order,
    person_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    role_since INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- Of exactly what was approved.
    hash TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX supply_approval_of_person ON supply_approval (order_id, person_id) WHERE ended_at IS NULL;
CREATE TRIGGER supply_approval_stays BEFORE UPDATE ON supply_approval
WHEN OLD.ended_at IS NOT NULL OR NEW.hash <> OLD.hash OR NEW.person_id <> OLD.person_id
    OR NEW.account_id <> OLD.account_id OR NEW.order_id <> OLD.order_id OR NEW.role_since <> OLD.role_since OR NEW.at <> OLD.at
BEGIN SELECT RAISE(ABORT, 'an approval is ended, not changed'); END;
CREATE TRIGGER supply_approval_is_kept BEFORE DELETE ON supply_approval
BEGIN SELECT RAISE(ABORT, 'an approval is ended, not deleted'); END;

-- An intent to send one frame, kept before its first byte, and what became of it; outcome NULL is not known.
CREATE TABLE supply_attempt (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    point_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    area_id INTEGER,
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    -- The last approval it rests on; NULL where none is needed.
    approval_id INTEGER,
    intent_at INTEGER NOT NULL,
    -- Until when the meter may obey it, by our clock.
    expires_at INTEGER NOT NULL,
    outcome INTEGER,
    told_at INTEGER,
    detail TEXT NOT NULL,
    -- What the meter said before: JSON, and status word 3 and the currents in 0.001 A once more.
    before TEXT NOT NULL,
    before_at INTEGER,
    before_status INTEGER,
    before_a INTEGER,
    before_b INTEGER,
    before_c INTEGER,
    UNIQUE (order_id, point_id, number),
    FOREIGN KEY (order_id, point_id) REFERENCES supply_order_point
) STRICT;
CREATE INDEX supply_attempt_by_time ON supply_attempt (intent_at);
CREATE TRIGGER supply_attempt_is_kept BEFORE DELETE ON supply_attempt
BEGIN SELECT RAISE(ABORT, 'an attempt is not deleted'); END;

-- Status word 3 and the currents in 0.001 A, read after an attempt.
CREATE TABLE supply_look (
    attempt_id INTEGER NOT NULL REFERENCES supply_attempt,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    current_a INTEGER,
    current_b INTEGER,
    current_c INTEGER,
    PRIMARY KEY (attempt_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE supply_notice (
    id INTEGER PRIMARY KEY,
    point_id INTEGER NOT NULL REFERENCES metering_point,
    kind INTEGER NOT NULL,
    given_at INTEGER NOT NULL,
    how TEXT NOT NULL,
    given_by TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    UNIQUE (point_id, kind, given_at)
) STRICT;

CREATE TABLE supply_arrears (
    customer_id INTEGER PRIMARY KEY REFERENCES customer,
    since INTEGER NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),
    as_of INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL
) STRICT;

CREATE TABLE supply_payment (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer,
    reference TEXT NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    paid_at INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    UNIQUE (customer_id, reference)
) STRICT;
CREATE INDEX supply_payment_by_customer ON supply_payment (customer_id, entered_at);

CREATE TABLE supply_identity (
    id INTEGER PRIMARY KEY,
    point_id INTEGER NOT NULL REFERENCES metering_point,
    meter_id INTEGER NOT NULL REFERENCES meter,
    verified_at INTEGER NOT NULL,
    is_crossed INTEGER NOT NULL,
    verified_by TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL
) STRICT;
CREATE INDEX supply_identity_by_point ON supply_identity (point_id, verified_at);

CREATE TABLE supply_protection (
    id INTEGER PRIMARY KEY,
    point_id INTEGER NOT NULL REFERENCES metering_point,
    kind INTEGER NOT NULL,
    reason TEXT NOT NULL,
    until_at INTEGER,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE INDEX supply_protection_by_point ON supply_protection (point_id);
CREATE TRIGGER supply_protection_is_kept BEFORE DELETE ON supply_protection
BEGIN SELECT RAISE(ABORT, 'a protection is ended, not deleted'); END;

-- When a list was loaded, with how many rows, and when that failed.
CREATE TABLE supply_list (
    name TEXT PRIMARY KEY,
    loaded_at INTEGER,
    rows INTEGER NOT NULL,
    failed_at INTEGER
) STRICT, WITHOUT ROWID;

-- Days on which nobody is cut; area 0 is everywhere.
CREATE TABLE supply_calendar (
    day INTEGER NOT NULL,
    area_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    PRIMARY KEY (day, area_id, kind)
) STRICT, WITHOUT ROWID;

-- What keeps all cuts back.
CREATE TABLE supply_halt (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    since INTEGER NOT NULL,
    by_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX supply_halt_in_force ON supply_halt (kind) WHERE ended_at IS NULL;

-- Who wants something taken away that takes two approvers.
CREATE TABLE supply_lift (
    subject TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (subject, person_id)
) STRICT, WITHOUT ROWID;

-- Terms of a cut from a day on, times in seconds; in force once another person has confirmed them.
CREATE TABLE supply_terms (
    id INTEGER PRIMARY KEY,
    from_day INTEGER NOT NULL,
    area_id INTEGER,
    class INTEGER,
    notice_least INTEGER NOT NULL,
    notice_most INTEGER NOT NULL,
    second_least INTEGER NOT NULL,
    second_most INTEGER NOT NULL,
    arrears_least INTEGER NOT NULL,
    identity_most INTEGER NOT NULL,
    read_most INTEGER NOT NULL,
    proposed_by INTEGER NOT NULL,
    proposed_name TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    confirmed_by INTEGER CHECK (confirmed_by <> proposed_by),
    confirmed_name TEXT,
    confirmed_at INTEGER
) STRICT;

-- Ceilings that are stricter than those of the configuration.
CREATE TABLE supply_ceiling (
    id INTEGER PRIMARY KEY,
    in_order INTEGER NOT NULL,
    in_hour INTEGER NOT NULL,
    in_day INTEGER NOT NULL,
    area_percent INTEGER NOT NULL,
    total_percent INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
