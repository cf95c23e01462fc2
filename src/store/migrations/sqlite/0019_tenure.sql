-- Which instance serves the site (F36). Its token rises with each that takes the site over; what an older one writes is refused.
CREATE TABLE site_tenure (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    token INTEGER NOT NULL,
    holder TEXT NOT NULL,
    version TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    -- By the clock of the database; nobody else's counts.
    until INTEGER NOT NULL
) STRICT;
INSERT INTO site_tenure VALUES (1, 0, '', '', 0, 0);
