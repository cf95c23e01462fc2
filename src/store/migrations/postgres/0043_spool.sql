-- Entries that the audit log did not take, until it does (T26): in the order in which they are to be entered. They are kept
-- then, with the number under which each was entered.
CREATE TABLE audit_spool (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    result text NOT NULL,
    order_id bigint,
    detail text NOT NULL,
    entered bigint REFERENCES audit (number)
);
CREATE INDEX audit_spool_waiting ON audit_spool (id) WHERE entered IS NULL;
CREATE TRIGGER audit_spool_stays BEFORE UPDATE ON audit_spool FOR EACH ROW
    WHEN (OLD.entered IS NOT NULL OR NEW.entered IS NULL OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.actor <> OLD.actor
        OR NEW.source <> OLD.source OR NEW.action <> OLD.action OR NEW.object <> OLD.object OR NEW.result <> OLD.result
        OR NEW.order_id IS DISTINCT FROM OLD.order_id OR NEW.detail <> OLD.detail)
    EXECUTE FUNCTION refuse('an entry that waits is not changed');
CREATE TRIGGER audit_spool_is_kept BEFORE DELETE ON audit_spool FOR EACH ROW
    EXECUTE FUNCTION refuse('an entry that waits is kept');
