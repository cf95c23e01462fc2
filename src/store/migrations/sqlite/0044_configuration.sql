-- What the configuration said when it was last in force: a change of it is entered in the audit log (T27).
CREATE TABLE configuration (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
