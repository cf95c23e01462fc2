-- Supply orders, what was approved and tried, and what the rules need to know. Instants are microseconds UTC, days are days
-- since 1970-01-01 of UTC+8, amounts of money whole fen.

CREATE TABLE supply_order (
    id bigint PRIMARY KEY,
    kind bigint NOT NULL,
    reason bigint NOT NULL,
    text text NOT NULL,
    window_from bigint NOT NULL,
    window_until bigint NOT NULL,
    -- That of its points that is least far; kept beside them so that lists need not ask.
    state bigint NOT NULL,
    -- Above a ceiling: it needs a second approver.
    is_quarantined bigint NOT NULL,
    -- A point was refused when it was handed in.
    is_flagged bigint NOT NULL,
    has_stopped_itself bigint NOT NULL,
    requested_by bigint NOT NULL,
    requested_name text NOT NULL,
    source text NOT NULL,
    created_at bigint NOT NULL,
    submitted_at bigint,
    changed_at bigint NOT NULL
);
CREATE INDEX supply_order_by_time ON supply_order (created_at);
CREATE INDEX supply_order_by_state ON supply_order (state, created_at);

-- A point as it was ordered: with the meter and the customer it had then.
CREATE TABLE supply_order_point (
    order_id bigint NOT NULL REFERENCES supply_order,
    point_id bigint NOT NULL REFERENCES metering_point,
    meter_id bigint NOT NULL REFERENCES meter,
    customer_id bigint NOT NULL REFERENCES customer,
    area_id bigint,
    state bigint NOT NULL,
    changed_at bigint NOT NULL,
    -- When something is to be done about it next.
    due_at bigint NOT NULL,
    -- What last stood against it, and what is known of it: short names.
    objections text NOT NULL,
    proof text NOT NULL,
    -- How often people were told that it is late or not known.
    told bigint NOT NULL,
    PRIMARY KEY (order_id, point_id)
);
CREATE INDEX supply_order_point_by_point ON supply_order_point (point_id, state);
CREATE INDEX supply_order_point_by_state ON supply_order_point (state, due_at);

-- Everybody who wrote an order or handed it in: none of them approves it.
CREATE TABLE supply_order_writer (
    order_id bigint NOT NULL REFERENCES supply_order,
    person_id bigint NOT NULL,
    PRIMARY KEY (order_id, person_id)
);

CREATE TABLE supply_approval (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES supply_order,
    person_id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text NOT NULL,
    role_since bigint NOT NULL,
    at bigint NOT NULL,
    -- Of exactly what was approved.
    hash text NOT NULL,
    ended_at bigint,
    ended_by text
);
CREATE UNIQUE INDEX supply_approval_of_person ON supply_approval (order_id, person_id) WHERE ended_at IS NULL;
CREATE TRIGGER supply_approval_stays BEFORE UPDATE ON supply_approval FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL OR NEW.hash <> OLD.hash OR NEW.person_id <> OLD.person_id
    OR NEW.account_id <> OLD.account_id OR NEW.order_id <> OLD.order_id OR NEW.role_since <> OLD.role_since OR NEW.at <> OLD.at)
    EXECUTE FUNCTION refuse('an approval is ended, not changed');
CREATE TRIGGER supply_approval_is_kept BEFORE DELETE ON supply_approval FOR EACH ROW
    EXECUTE FUNCTION refuse('an approval is ended, not deleted');

-- An intent to send one frame, kept before its first byte, and what became of it; outcome NULL is not known.
CREATE TABLE supply_attempt (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL,
    point_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    area_id bigint,
    kind bigint NOT NULL,
    number bigint NOT NULL,
    -- The last approval it rests on; NULL where none is needed.
    approval_id bigint,
    intent_at bigint NOT NULL,
    -- Until when the meter may obey it, by our clock.
    expires_at bigint NOT NULL,
    outcome bigint,
    told_at bigint,
    detail text NOT NULL,
    -- What the meter said before: JSON, and status word 3 and the currents in 0.001 A once more.
    before text NOT NULL,
    before_at bigint,
    before_status bigint,
    before_a bigint,
    before_b bigint,
    before_c bigint,
    UNIQUE (order_id, point_id, number),
    FOREIGN KEY (order_id, point_id) REFERENCES supply_order_point
);
CREATE INDEX supply_attempt_by_time ON supply_attempt (intent_at);
CREATE TRIGGER supply_attempt_is_kept BEFORE DELETE ON supply_attempt FOR EACH ROW
    EXECUTE FUNCTION refuse('an attempt is not deleted');

-- Status word 3 and the currents in 0.001 A, read after an attempt.
CREATE TABLE supply_look (
    attempt_id bigint NOT NULL REFERENCES supply_attempt,
    at bigint NOT NULL,
    status bigint NOT NULL,
    current_a bigint,
    current_b bigint,
    current_c bigint,
    PRIMARY KEY (attempt_id, at)
);

CREATE TABLE supply_notice (
    id bigint PRIMARY KEY,
    point_id bigint NOT NULL REFERENCES metering_point,
    kind bigint NOT NULL,
    given_at bigint NOT NULL,
    how text NOT NULL,
    given_by text NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL,
    UNIQUE (point_id, kind, given_at)
);

CREATE TABLE supply_arrears (
    customer_id bigint PRIMARY KEY REFERENCES customer,
    since bigint NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    as_of bigint NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL
);

CREATE TABLE supply_payment (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customer,
    reference text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    paid_at bigint NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL,
    UNIQUE (customer_id, reference)
);
CREATE INDEX supply_payment_by_customer ON supply_payment (customer_id, entered_at);

CREATE TABLE supply_identity (
    id bigint PRIMARY KEY,
    point_id bigint NOT NULL REFERENCES metering_point,
    meter_id bigint NOT NULL REFERENCES meter,
    verified_at bigint NOT NULL,
    is_crossed bigint NOT NULL,
    verified_by text NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL
);
CREATE INDEX supply_identity_by_point ON supply_identity (point_id, verified_at);

CREATE TABLE supply_protection (
    id bigint PRIMARY KEY,
    point_id bigint NOT NULL REFERENCES metering_point,
    kind bigint NOT NULL,
    reason text NOT NULL,
    until_at bigint,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL,
    ended_at bigint,
    ended_by text
);
CREATE INDEX supply_protection_by_point ON supply_protection (point_id);
CREATE TRIGGER supply_protection_is_kept BEFORE DELETE ON supply_protection FOR EACH ROW
    EXECUTE FUNCTION refuse('a protection is ended, not deleted');

-- When a list was loaded, with how many rows, and when that failed.
CREATE TABLE supply_list (
    name text PRIMARY KEY,
    loaded_at bigint,
    rows bigint NOT NULL,
    failed_at bigint
);

-- Days on which nobody is cut; area 0 is everywhere.
CREATE TABLE supply_calendar (
    day bigint NOT NULL,
    area_id bigint NOT NULL,
    kind bigint NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL,
    PRIMARY KEY (day, area_id, kind)
);

-- What keeps all cuts back.
CREATE TABLE supply_halt (
    id bigint PRIMARY KEY,
    kind bigint NOT NULL,
    since bigint NOT NULL,
    by_name text NOT NULL,
    reason text NOT NULL,
    ended_at bigint,
    ended_by text
);
CREATE UNIQUE INDEX supply_halt_in_force ON supply_halt (kind) WHERE ended_at IS NULL;

-- Who wants something taken away that takes two approvers.
CREATE TABLE supply_lift (
    subject text NOT NULL,
    person_id bigint NOT NULL,
    name text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (subject, person_id)
);

-- Terms of a cut from a day on, times in seconds; in force once another person has confirmed them.
CREATE TABLE supply_terms (
    id bigint PRIMARY KEY,
    from_day bigint NOT NULL,
    area_id bigint,
    class bigint,
    notice_least bigint NOT NULL,
    notice_most bigint NOT NULL,
    second_least bigint NOT NULL,
    second_most bigint NOT NULL,
    arrears_least bigint NOT NULL,
    identity_most bigint NOT NULL,
    read_most bigint NOT NULL,
    proposed_by bigint NOT NULL,
    proposed_name text NOT NULL,
    proposed_at bigint NOT NULL,
    confirmed_by bigint CHECK (confirmed_by <> proposed_by),
    confirmed_name text,
    confirmed_at bigint
);

-- Ceilings that are stricter than those of the configuration.
CREATE TABLE supply_ceiling (
    id bigint PRIMARY KEY,
    in_order bigint NOT NULL,
    in_hour bigint NOT NULL,
    in_day bigint NOT NULL,
    area_percent bigint NOT NULL,
    total_percent bigint NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL,
    ended_at bigint,
    ended_by text
);
