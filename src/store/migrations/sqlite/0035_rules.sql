-- By which rules the values of billing were settled last: those of the configuration, and how often the profile of
-- a meter had changed by then. Where one of both is another one now, what is open is looked at again.
CREATE TABLE billing_rules (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rules TEXT NOT NULL,
    profiles INTEGER NOT NULL,
    profiles_settled INTEGER NOT NULL
) STRICT;
INSERT INTO billing_rules VALUES (1, '', 0, 0);

CREATE TRIGGER meter_has_another_profile AFTER UPDATE OF profile, protocol ON meter
WHEN NEW.profile IS NOT OLD.profile OR NEW.protocol <> OLD.protocol
BEGIN UPDATE billing_rules SET profiles = profiles + 1; END;
