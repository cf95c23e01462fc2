-- The entry of the audit log of what the request did, kept in the transaction of both (T18). Before this the key stood beside.
ALTER TABLE idempotency ADD COLUMN audit_number INTEGER;
