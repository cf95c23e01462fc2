-- When the clock of this machine was set, and until when by either clock sessions may have been dated by the one before.
CREATE TABLE clock_step (
    at INTEGER NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT;
