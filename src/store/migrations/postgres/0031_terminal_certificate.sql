-- The certificate that a terminal came with first, as SHA-256 in hexadecimal: with another one nobody is this terminal (T5, T7).
ALTER TABLE terminal ADD COLUMN certificate TEXT;

-- What is noted of terminals is only added to by the service (T28); what is old it lets go by this, and nothing of the last year.
CREATE FUNCTION let_notes_go(clocks bigint, events bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    youngest constant bigint := (extract(epoch FROM now()) * 1000000)::bigint - 365 * 86400000000;
    gone bigint;
    more bigint;
BEGIN
    DELETE FROM terminal_clock WHERE at < least(clocks, youngest);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM terminal_event WHERE collected_at < least(events, youngest);
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN gone + more;
END $$;
REVOKE ALL ON FUNCTION let_notes_go FROM PUBLIC;
