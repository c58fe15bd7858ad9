-- The whole life of an incident: who has it, who was sent, what was promised, what people say about it, and what it has to do with others.
ALTER TABLE incidents ADD COLUMN version BIGINT NOT NULL DEFAULT 1;         -- counts what people did: who acts on an older one is told
ALTER TABLE incidents ADD COLUMN holder TEXT;                               -- who acted on it last
ALTER TABLE incidents ADD COLUMN false_reason TEXT;                         -- what fooled the camera
ALTER TABLE incidents ADD COLUMN due_at BIGINT;                             -- until when it is to be taken, or closed; NULL: nothing is promised
ALTER TABLE incidents ADD COLUMN level BIGINT NOT NULL DEFAULT 0;           -- how many above the operator were told that it was not
ALTER TABLE incidents ADD COLUMN raises_at BIGINT;                          -- when the next one is; NULL: nobody
ALTER TABLE incidents ADD COLUMN judged TEXT NOT NULL DEFAULT '';           -- as what the rules last looked at it
ALTER TABLE incidents ADD COLUMN certainty TEXT NOT NULL DEFAULT 'likely';  -- observed, likely, possible, unlikely
ALTER TABLE incidents ADD COLUMN priority TEXT NOT NULL DEFAULT 'medium';   -- low, medium, high
ALTER TABLE incidents ADD COLUMN certainty_set BOOLEAN NOT NULL DEFAULT FALSE;  -- a person said so
ALTER TABLE incidents ADD COLUMN priority_set BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE incidents ADD COLUMN severity_seen TEXT;                        -- what the cameras said when a person set the severity; NULL: nobody did
ALTER TABLE incidents ADD COLUMN retracted BOOLEAN NOT NULL DEFAULT FALSE;  -- the cameras took all of it back
ALTER TABLE incidents ADD COLUMN cause TEXT;                                -- the incident that explains it
ALTER TABLE incidents ADD COLUMN merged_into TEXT;                          -- the incident that has its events
ALTER TABLE incidents ADD COLUMN shelved_until BIGINT;                      -- nobody is alarmed before
ALTER TABLE incidents ADD COLUMN proposed TEXT NOT NULL DEFAULT '[]';       -- whom the rules would send, JSON
ALTER TABLE incidents ADD COLUMN sent TEXT NOT NULL DEFAULT '[]';           -- who was sent since it was opened or reopened, JSON
ALTER TABLE incidents ADD COLUMN report_count INTEGER NOT NULL DEFAULT 0;
CREATE INDEX incidents_raises ON incidents (raises_at) WHERE raises_at IS NOT NULL;
CREATE INDEX incidents_opened ON incidents (opened_at);
CREATE INDEX incidents_cause ON incidents (cause) WHERE cause IS NOT NULL;
CREATE INDEX incident_log_at ON incident_log (at);

ALTER TABLE incident_log ADD COLUMN data TEXT;                              -- LogDetail, JSON

ALTER TABLE events ADD COLUMN retracted BOOLEAN NOT NULL DEFAULT FALSE;     -- its gateway took it back
UPDATE events SET retracted = TRUE WHERE phase = 'ended' AND data LIKE '%"end_reason":"retracted"%';

-- Closed was one state; now it says as what.
UPDATE incident_log SET data = '{"about":"false_alarm","reason":"other"}', what = 'false_alarm'
 WHERE what = 'closed' AND incident IN (SELECT id FROM incidents WHERE close_reason = 'false_alarm');
UPDATE incident_log SET what = 'resolved',
       data = '{"about":"closing","reason":"' || COALESCE((SELECT close_reason FROM incidents WHERE id = incident), 'resolved') || '"}'
 WHERE what = 'closed';
UPDATE incidents SET false_reason = 'other' WHERE close_reason = 'false_alarm';
UPDATE incidents SET state = CASE WHEN close_reason = 'false_alarm' THEN 'false_alarm' ELSE 'resolved' END WHERE state = 'closed';
UPDATE incidents SET holder = COALESCE(closed_by, acknowledged_by);
UPDATE incidents SET priority = CASE severity WHEN 'extreme' THEN 'high' WHEN 'severe' THEN 'high' WHEN 'moderate' THEN 'medium' ELSE 'low' END;

-- What was asked for with a key is done once, however often it is asked.
CREATE TABLE done_once (
    who         TEXT NOT NULL,
    key         TEXT NOT NULL,      -- the client's
    request     TEXT NOT NULL,      -- what was asked; the same key for something else is a mistake
    result      TEXT,               -- id of what came of it
    at          BIGINT NOT NULL,
    PRIMARY KEY (who, key)
);

-- What people report: callers of the hotline, people in the field.
CREATE TABLE reports (
    id          TEXT PRIMARY KEY,   -- UUIDv7 of its arrival
    incident    TEXT NOT NULL,
    channel     TEXT NOT NULL,      -- hotline, field
    kind        TEXT NOT NULL,      -- as what kind of event it counts
    text        TEXT NOT NULL,      -- in the reporter's words
    place       TEXT NOT NULL,      -- in words
    longitude   DOUBLE PRECISION NOT NULL,
    latitude    DOUBLE PRECISION NOT NULL,
    seen_at     BIGINT NOT NULL,
    arrived_at  BIGINT NOT NULL,
    taken_by    TEXT NOT NULL       -- the user, or the token, that handed it in
);
CREATE INDEX reports_incident ON reports (incident);
CREATE INDEX reports_place ON reports (latitude, longitude);

CREATE TABLE report_areas (
    report      TEXT NOT NULL,
    area        TEXT NOT NULL,      -- SCHEME:CODE, or empty, which is everywhere
    PRIMARY KEY (report, area)
);

-- Kept apart so that they can go while the report stays.
CREATE TABLE report_contacts (
    report      TEXT PRIMARY KEY,
    name        TEXT,
    telephone   TEXT,
    arrived_at  BIGINT NOT NULL
);
CREATE INDEX report_contacts_arrived ON report_contacts (arrived_at);

-- Sources that are silenced for a while.
CREATE TABLE shelves (
    id          TEXT PRIMARY KEY,
    edge        TEXT NOT NULL,
    camera      TEXT NOT NULL,
    family      TEXT NOT NULL,      -- what of it
    reason      TEXT NOT NULL,
    who         TEXT NOT NULL,
    from_at     BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,    -- brought forward when somebody takes it off
    ended_by    TEXT
);
CREATE INDEX shelves_until ON shelves (until_at);
