-- What was done, by whom (T26, T27). Each entry's hash covers the hash before it; at: microseconds UTC.
CREATE TABLE audit (
    number bigint PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    result text NOT NULL,
    order_id bigint,
    detail text NOT NULL,
    hash text NOT NULL
);
CREATE INDEX audit_by_order ON audit (order_id, number) WHERE order_id IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW
    EXECUTE FUNCTION refuse('an audit entry is neither changed nor deleted');
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    EXECUTE FUNCTION refuse('the audit log is not emptied');
