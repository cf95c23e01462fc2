-- Rotation of meter passwords (T25): what was asked for and approved, and where each meter stands.

-- asked_by: a person; state: see the list rotation_state. decided_by: who approved or refused it.
CREATE TABLE secret_rotation (
    id INTEGER PRIMARY KEY,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 9),
    selection TEXT NOT NULL,
    reason TEXT NOT NULL,
    state INTEGER NOT NULL,
    asked_by INTEGER NOT NULL,
    asked_name TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    decided_by INTEGER,
    decided_name TEXT,
    decided_at INTEGER,
    ended_at INTEGER
) STRICT;

-- step: see the list rotation_step; writes: how often the new one was sent; proofs: how often it was to be proven;
-- next_at: when something is due; why: why it cannot be rotated, or what the meter said last.
CREATE TABLE secret_rotation_meter (
    rotation_id INTEGER NOT NULL,
    meter_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    writes INTEGER NOT NULL,
    proofs INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (rotation_id, meter_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_rotation_due ON secret_rotation_meter (next_at) WHERE step IN (1, 2, 3, 4);

-- The two passwords that a meter may have from the intent to write the new one until that is proven. They outlive the
-- rotation when nobody knows which one holds. is_new_likely: orders are signed with the new one. is_doubtful: a frame left
-- that may have changed it. doubted_day: the last day on which a frame left that may have been a wrong password, days since
-- 1970-01-01 in UTC+8; one a day leaves, three lock a meter. turned_day: when an order that was refused turned
-- is_new_likely round.
CREATE TABLE secret_candidate (
    meter_id INTEGER NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 9),
    key_id INTEGER NOT NULL,
    sealed_old BLOB NOT NULL,
    sealed_new BLOB NOT NULL,
    is_new_likely INTEGER NOT NULL,
    is_doubtful INTEGER NOT NULL,
    doubted_day INTEGER,
    turned_day INTEGER,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (meter_id, level)
) STRICT, WITHOUT ROWID;
