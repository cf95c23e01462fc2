-- What an auditor looks for by who or what is found without a look at the whole log.
CREATE INDEX audit_by_actor ON audit (actor, number);
CREATE INDEX audit_by_action ON audit (action, number);

-- When a channel of alarms last took a message is found without a look at all that it ever took.
CREATE INDEX alarm_message_taken ON alarm_message (channel, done_at) WHERE state = 3;

-- Names that failed to sign in and were never heard of again are forgotten by their age.
CREATE INDEX login_attempt_by_time ON login_attempt (last_at);
