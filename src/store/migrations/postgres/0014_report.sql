-- Written reports of emergency cuts.
CREATE TABLE supply_report (
    order_id bigint PRIMARY KEY REFERENCES supply_order,
    text text NOT NULL,
    entered_at bigint NOT NULL,
    entered_by text NOT NULL
);
