-- Whether a receiver was left out since it was last given what replaces versions that it has or was to get.
ALTER TABLE billing_receiver ADD COLUMN was_left_out INTEGER NOT NULL DEFAULT 0;
-- What was missed before this was kept is found once.
UPDATE billing_receiver SET was_left_out = 1 WHERE name <> 'ledger';
