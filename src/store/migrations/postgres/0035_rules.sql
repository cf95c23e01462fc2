-- By which rules the values of billing were settled last: those of the configuration, and how often the profile of
-- a meter had changed by then. Where one of both is another one now, what is open is looked at again.
CREATE TABLE billing_rules (
    id bigint PRIMARY KEY CHECK (id = 1),
    rules text NOT NULL,
    profiles bigint NOT NULL,
    profiles_settled bigint NOT NULL
);
INSERT INTO billing_rules VALUES (1, '', 0, 0);

CREATE FUNCTION note_other_profiles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE billing_rules SET profiles = profiles + 1
    WHERE EXISTS (SELECT 1 FROM before b JOIN changed c USING (id)
        WHERE b.profile IS DISTINCT FROM c.profile OR b.protocol <> c.protocol);
    RETURN NULL;
END $$;
CREATE TRIGGER meter_has_another_profile AFTER UPDATE ON meter REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_other_profiles();
