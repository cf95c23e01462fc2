-- Entries that the audit log did not take, until it does (T26): in the order in which they are to be entered.
CREATE TABLE audit_spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL,
    order_id INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_spool_stays BEFORE UPDATE ON audit_spool BEGIN SELECT RAISE(ABORT, 'an entry that waits is not changed'); END;
