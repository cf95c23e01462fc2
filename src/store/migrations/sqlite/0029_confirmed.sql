-- Whether another person has confirmed that an account may have its role: until then it stays shut, whatever becomes of the
-- proposal (T17). 0 never, 1 yes, 2 before: it was reset and has to be confirmed again. What waits for its first confirmation has
-- none. Of an approver or administrator that is shut and was not set up it is not known any more, and somebody has to look again.
ALTER TABLE account ADD COLUMN is_confirmed INTEGER NOT NULL DEFAULT 1;
UPDATE account SET is_confirmed = CASE WHEN proposed_role = role THEN 0 ELSE 2 END WHERE is_enabled = 0 AND role IN (3, 4)
    AND (proposed_role = role OR (must_set_password = 1 AND factor_secret IS NULL));
