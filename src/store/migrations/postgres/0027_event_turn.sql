-- When each meter behind a terminal was last asked for its events, whatever came of it: so that all have their turn.
CREATE TABLE event_turn (
    meter_id bigint PRIMARY KEY REFERENCES meter,
    asked_at bigint NOT NULL
);
