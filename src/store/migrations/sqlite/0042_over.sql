-- The ceilings that an order was above when it was approved, each with how much of it was used and how much it allows. What
-- was approved before this was kept lets nothing pass: two approve it anew.
ALTER TABLE supply_approval ADD COLUMN over TEXT NOT NULL DEFAULT '';
DROP TRIGGER supply_approval_stays;
CREATE TRIGGER supply_approval_stays BEFORE UPDATE ON supply_approval
WHEN OLD.ended_at IS NOT NULL OR NEW.hash <> OLD.hash OR NEW.over <> OLD.over OR NEW.person_id <> OLD.person_id
    OR NEW.account_id <> OLD.account_id OR NEW.order_id <> OLD.order_id OR NEW.role_since <> OLD.role_since OR NEW.at <> OLD.at
BEGIN SELECT RAISE(ABORT, 'an approval is ended, not changed'); END;

-- Kind 11 tells of an order above a ceiling; those states are over.
UPDATE alarm SET ended_at = last_at WHERE kind = 11 AND ended_at IS NULL
    AND order_id IN (SELECT id FROM supply_order WHERE state IN (7, 9, 10, 11, 12, 13, 14));
