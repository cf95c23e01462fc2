-- Above which version new versions of billing values begin: raised when the database may have said more than it knows, since
-- no key may come again with other content (F31, F41). Beside it the highest version that was ever made.
CREATE TABLE billing_floor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    floor INTEGER NOT NULL,
    highest INTEGER NOT NULL
) STRICT;
INSERT INTO billing_floor SELECT 1, 0, coalesce(max(version), 0) FROM billing_value;
