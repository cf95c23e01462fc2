-- Records of terminals' own lists of meters that two persons want set, and what became of them. The records are in the
-- proposal. state: see the list setting_state; results: what the terminal said to each record and holds, as JSON.
CREATE TABLE terminal_setting (
    proposal_id bigint PRIMARY KEY REFERENCES proposal,
    terminal text NOT NULL,
    state bigint NOT NULL DEFAULT 1,
    confirmed_at bigint NOT NULL,
    -- When the first frame was about to leave.
    sent_at bigint,
    -- When the terminal was asked last what it holds.
    looked_at bigint,
    ended_at bigint,
    results text NOT NULL DEFAULT '[]',
    detail text NOT NULL DEFAULT ''
);
-- One at a time for a terminal.
CREATE UNIQUE INDEX terminal_setting_open ON terminal_setting (terminal) WHERE state IN (1, 2);
CREATE INDEX terminal_setting_of ON terminal_setting (terminal, confirmed_at);
CREATE TRIGGER terminal_setting_is_kept BEFORE DELETE ON terminal_setting FOR EACH ROW
    EXECUTE FUNCTION refuse('what was set in a terminal is kept');
-- What has left is never waiting again as if it had not, unless it is known that nothing left.
CREATE TRIGGER terminal_setting_ends BEFORE UPDATE ON terminal_setting FOR EACH ROW
    WHEN (OLD.state IN (3, 4, 6, 7, 8) OR NEW.terminal <> OLD.terminal OR NEW.confirmed_at <> OLD.confirmed_at)
    EXECUTE FUNCTION refuse('what became of a setting is not changed');

-- Message authentication codes (PW) of terminals, sealed (T24), bound to the terminal and the key.
CREATE TABLE terminal_secret (
    terminal text PRIMARY KEY,
    key_id bigint NOT NULL,
    sealed bytea NOT NULL,
    replaced_at bigint NOT NULL
);
