-- When the last report of a terminal came that could not be read, until its events were asked for since.
ALTER TABLE terminal ADD COLUMN unread_at INTEGER;
