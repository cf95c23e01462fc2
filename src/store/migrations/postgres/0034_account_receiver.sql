-- Receivers of billing values whose pushes an account of a billing service sees; no other, and none where there is none here. Where
-- there is one receiver only, it is theirs that there are.
CREATE TABLE account_receiver (
    account_id bigint NOT NULL REFERENCES account,
    receiver text NOT NULL,
    PRIMARY KEY (account_id, receiver)
);
INSERT INTO account_receiver SELECT a.id, r.name FROM account a, billing_receiver r
WHERE a.role = 6 AND (SELECT count(*) FROM billing_receiver) = 1;
