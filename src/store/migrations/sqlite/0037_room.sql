-- Events of a kind that is rare are found without a look at all others.
CREATE INDEX meter_event_by_kind ON meter_event (kind, collected_at, meter_id, began);
