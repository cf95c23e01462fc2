-- Rotation of meter passwords (T25): what was asked for and approved, and where each meter stands.

-- asked_by: a person; state: see the list rotation_state. decided_by: who approved or refused it.
CREATE TABLE secret_rotation (
    id bigint PRIMARY KEY,
    level bigint NOT NULL CHECK (level BETWEEN 0 AND 9),
    selection text NOT NULL,
    reason text NOT NULL,
    state bigint NOT NULL,
    asked_by bigint NOT NULL,
    asked_name text NOT NULL,
    asked_at bigint NOT NULL,
    decided_by bigint,
    decided_name text,
    decided_at bigint,
    ended_at bigint
);

-- step: see the list rotation_step; writes: how often the new one was sent; proofs: how often it was to be proven;
-- next_at: when something is due; why: why it cannot be rotated, or what the meter said last.
CREATE TABLE secret_rotation_meter (
    rotation_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    step bigint NOT NULL,
    writes bigint NOT NULL,
    proofs bigint NOT NULL,
    next_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (rotation_id, meter_id)
);
CREATE INDEX secret_rotation_due ON secret_rotation_meter (next_at) WHERE step IN (1, 2, 3, 4);

-- The two passwords that a meter may have from the intent to write the new one until that is proven. They outlive the
-- rotation when nobody knows which one holds. is_new_likely: orders are signed with the new one. is_doubtful: a frame left
-- that may have changed it. doubted_day: the last day on which a frame left that may have been a wrong password, days since
-- 1970-01-01 in UTC+8; one a day leaves, three lock a meter. turned_day: when an order that was refused turned
-- is_new_likely round.
CREATE TABLE secret_candidate (
    meter_id bigint NOT NULL,
    level bigint NOT NULL CHECK (level BETWEEN 0 AND 9),
    key_id bigint NOT NULL,
    sealed_old bytea NOT NULL,
    sealed_new bytea NOT NULL,
    is_new_likely bigint NOT NULL,
    is_doubtful bigint NOT NULL,
    doubted_day bigint,
    turned_day bigint,
    made_at bigint NOT NULL,
    PRIMARY KEY (meter_id, level)
);
