-- What the configuration said when it was last in force: a change of it is entered in the audit log (T27).
CREATE TABLE configuration (
    name text PRIMARY KEY,
    value text NOT NULL
);
