-- Records of terminals' own lists of meters that two persons want set, and what became of them. The records are in the
-- proposal. state: see the list setting_state; results: what the terminal said to each record and holds, as JSON.
CREATE TABLE terminal_setting (
    proposal_id INTEGER PRIMARY KEY REFERENCES proposal,
    terminal TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 1,
    confirmed_at INTEGER NOT NULL,
    -- When the first frame was about to leave.
    sent_at INTEGER,
    -- When the terminal was asked last what it holds.
    looked_at INTEGER,
    ended_at INTEGER,
    results TEXT NOT NULL DEFAULT '[]',
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
-- One at a time for a terminal.
CREATE UNIQUE INDEX terminal_setting_open ON terminal_setting (terminal) WHERE state IN (1, 2);
CREATE INDEX terminal_setting_of ON terminal_setting (terminal, confirmed_at);
CREATE TRIGGER terminal_setting_is_kept BEFORE DELETE ON terminal_setting
BEGIN SELECT RAISE(ABORT, 'what was set in a terminal is kept'); END;
-- What has left is never waiting again as if it had not, unless it is known that nothing left.
CREATE TRIGGER terminal_setting_ends BEFORE UPDATE ON terminal_setting
WHEN OLD.state IN (3, 4, 6, 7, 8) OR NEW.terminal <> OLD.terminal OR NEW.confirmed_at <> OLD.confirmed_at
BEGIN SELECT RAISE(ABORT, 'what became of a setting is not changed'); END;

-- Message authentication codes (PW) of terminals, sealed (T24), bound to the terminal and the key.
CREATE TABLE terminal_secret (
    terminal TEXT PRIMARY KEY,
    key_id INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    replaced_at INTEGER NOT NULL
) STRICT;
