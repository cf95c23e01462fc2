-- Written reports of emergency cuts.
CREATE TABLE supply_report (
    order_id INTEGER PRIMARY KEY REFERENCES supply_order,
    text TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL
) STRICT;
