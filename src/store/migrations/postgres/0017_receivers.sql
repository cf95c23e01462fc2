-- Who is given billing values, and how it goes.

-- since: since when new versions are put into its outbox. filled_from: the first day whose versions were put there
-- although they were older; NULL while that was not done, and for a receiver that was left out meanwhile. rest_until: it
-- failed as a whole and is left alone until then.
CREATE TABLE billing_receiver (
    name text PRIMARY KEY,
    kind text NOT NULL,
    since bigint NOT NULL,
    is_configured bigint NOT NULL,
    filled_from bigint,
    last_success_at bigint,
    last_error text,
    last_error_at bigint,
    rest_until bigint
);
INSERT INTO billing_receiver (name, kind, since, is_configured, last_success_at)
SELECT receiver, 'ledger', min(at), 1, max(done_at) FROM outbox WHERE receiver = 'ledger' GROUP BY receiver;

-- The batch in which a version was first offered, for receivers that take batches whole, such as files. Never changed.
ALTER TABLE outbox ADD COLUMN batch bigint;

-- What waits is offered by day, however often it was offered before.
CREATE INDEX outbox_by_day ON outbox (receiver, at) WHERE state IN (1, 2);
