-- Entries that the audit log did not take, until it does (T26): in the order in which they are to be entered. They are kept
-- then, with the number under which each was entered.
CREATE TABLE audit_spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL,
    order_id INTEGER,
    detail TEXT NOT NULL,
    entered INTEGER REFERENCES audit (number)
) STRICT;
CREATE INDEX audit_spool_waiting ON audit_spool (id) WHERE entered IS NULL;
CREATE TRIGGER audit_spool_stays BEFORE UPDATE ON audit_spool
WHEN OLD.entered IS NOT NULL OR NEW.entered IS NULL OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.actor <> OLD.actor
    OR NEW.source <> OLD.source OR NEW.action <> OLD.action OR NEW.object <> OLD.object OR NEW.result <> OLD.result
    OR NEW.order_id IS NOT OLD.order_id OR NEW.detail <> OLD.detail
BEGIN SELECT RAISE(ABORT, 'an entry that waits is not changed'); END;
CREATE TRIGGER audit_spool_is_kept BEFORE DELETE ON audit_spool
BEGIN SELECT RAISE(ABORT, 'an entry that waits is kept'); END;
