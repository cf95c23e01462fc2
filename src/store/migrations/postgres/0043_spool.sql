-- Entries that the audit log did not take, until it does (T26): in the order in which they are to be entered.
CREATE TABLE audit_spool (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    result text NOT NULL,
    order_id bigint,
    detail text NOT NULL
);
CREATE TRIGGER audit_spool_stays BEFORE UPDATE ON audit_spool FOR EACH ROW
    EXECUTE FUNCTION refuse('an entry that waits is not changed');
