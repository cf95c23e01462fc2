-- How long behind a midnight the terminal had read the point when the meter itself bore it out: what it reads later than usual
-- may be the register as it stood then, and no freeze (F24).
ALTER TABLE terminal_point ADD COLUMN turn_minutes INTEGER;
