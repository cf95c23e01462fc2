-- Until when the one-time password of an account is good; NULL once its owner has set another (T10). Those that are out when this
-- comes are good for three days more.
ALTER TABLE account ADD COLUMN one_time_until INTEGER;
UPDATE account SET one_time_until = (CAST(strftime('%s', 'now') AS INTEGER) + 259200) * 1000000 WHERE must_set_password = 1;
