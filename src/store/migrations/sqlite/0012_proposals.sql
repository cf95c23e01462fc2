-- What one person proposes and another confirms. change: JSON. state: see the list proposal_state.
CREATE TABLE proposal (
    id INTEGER PRIMARY KEY,
    change TEXT NOT NULL,
    reason TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 1,
    proposed_by INTEGER NOT NULL,
    proposed_as TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by INTEGER,
    decided_as TEXT,
    decided_at INTEGER,
    CHECK ((state = 1) = (decided_at IS NULL)),
    CHECK (state <> 2 OR decided_by <> proposed_by)
) STRICT;
CREATE INDEX proposal_open ON proposal (proposed_at) WHERE state = 1;
CREATE TRIGGER proposal_stays BEFORE UPDATE ON proposal
WHEN NEW.change <> OLD.change OR NEW.reason <> OLD.reason OR NEW.proposed_by <> OLD.proposed_by
    OR NEW.proposed_at <> OLD.proposed_at OR NEW.expires_at <> OLD.expires_at OR OLD.state <> 1
BEGIN SELECT RAISE(ABORT, 'a proposal is decided once and never edited'); END;
CREATE TRIGGER proposal_is_kept BEFORE DELETE ON proposal
BEGIN SELECT RAISE(ABORT, 'a proposal is kept'); END;
