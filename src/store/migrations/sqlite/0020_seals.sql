-- A check sum over what counts of a row, made by whoever writes it and looked at by whoever reads it: bits that flipped are not
-- taken for values (F42). NULL in rows of before.
ALTER TABLE register_ledger ADD COLUMN seal INTEGER;
ALTER TABLE interval_day ADD COLUMN seal INTEGER;
ALTER TABLE billing_value ADD COLUMN seal INTEGER;
