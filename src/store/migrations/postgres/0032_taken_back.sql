-- An order that was taken back sends nothing more, also of points that were under way; and what speaks against a cut that was
-- under way is kept with it, whatever the clock says later.
ALTER TABLE supply_order ADD COLUMN is_taken_back bigint NOT NULL DEFAULT 0;
ALTER TABLE supply_order_point ADD COLUMN is_restored bigint NOT NULL DEFAULT 0;
ALTER TABLE supply_order_point ADD COLUMN is_paid bigint NOT NULL DEFAULT 0;
