-- Which instance serves the site (F36). Its token rises with each that takes the site over; what an older one writes is refused.
CREATE TABLE site_tenure (
    id bigint PRIMARY KEY CHECK (id = 1),
    token bigint NOT NULL,
    holder text NOT NULL,
    version text NOT NULL,
    taken_at bigint NOT NULL,
    -- By the clock of the database; nobody else's counts.
    until bigint NOT NULL
);
INSERT INTO site_tenure VALUES (1, 0, '', '', 0, 0);
