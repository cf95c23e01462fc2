-- To whom a notice was given: it does not count for whoever comes after them. NULL in what was entered before.
ALTER TABLE supply_notice ADD COLUMN customer_id INTEGER REFERENCES customer;
