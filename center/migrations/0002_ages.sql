-- By age, for letting go of what is kept no longer.
CREATE INDEX incidents_closed ON incidents (closed_at);
CREATE INDEX event_messages_arrived ON event_messages (arrived_at, source, id);
CREATE INDEX evidence_seen ON evidence (seen_at);
