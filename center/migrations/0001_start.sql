-- The centre's store. Times are milliseconds since 1970-01-01T00:00:00Z; JSON is text; `edge` is SITE.EDGE.
-- What was accepted from a gateway is kept as it came (events' messages, measurements); everything else can be made from it
-- or is what people did.

CREATE TABLE edges (
    edge        TEXT PRIMARY KEY,       -- SITE.EDGE
    boot_id     TEXT NOT NULL,          -- of the program's start that spoke last
    started_at  BIGINT NOT NULL,        -- when that boot began
    state       TEXT NOT NULL,          -- online, offline
    said_at     BIGINT NOT NULL,        -- when the gateway said it
    arrived_at  BIGINT NOT NULL,        -- when it arrived here
    status      TEXT NOT NULL           -- EdgeStatus, JSON
);

CREATE TABLE cameras (
    edge        TEXT NOT NULL,          -- its gateway
    camera      TEXT NOT NULL,          -- its id there
    name        TEXT NOT NULL,          -- for people
    longitude   DOUBLE PRECISION,       -- WGS 84; absent where no position is configured
    latitude    DOUBLE PRECISION,
    said_at     BIGINT NOT NULL,        -- when the gateway said the status
    arrived_at  BIGINT NOT NULL,        -- when it arrived here
    status      TEXT NOT NULL,          -- CameraStatus, JSON
    PRIMARY KEY (edge, camera)
);

CREATE TABLE incidents (
    id              TEXT PRIMARY KEY,   -- UUIDv7 of the time it began, so that order of ids is order of time
    family          TEXT NOT NULL,      -- which events may join: traffic, wrong_way, pedestrian, fire, flood, camera
    kind            TEXT NOT NULL,      -- of its gravest event
    severity        TEXT NOT NULL,      -- minor, moderate, severe, extreme
    state           TEXT NOT NULL,      -- new, acknowledged, closed
    ongoing         BOOLEAN NOT NULL,   -- whether an event of it has not ended
    began_at        BIGINT NOT NULL,    -- of its first event
    ended_at        BIGINT,             -- of its last event; NULL while it goes on
    opened_at       BIGINT NOT NULL,    -- when the centre learnt of it
    updated_at      BIGINT NOT NULL,    -- when anything about it changed
    late            BOOLEAN NOT NULL,   -- it was history when it arrived
    clock_suspect   BOOLEAN NOT NULL,   -- a gateway's clock was absurd
    event_count     INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at BIGINT,
    closed_by       TEXT,
    closed_at       BIGINT,
    close_reason    TEXT,               -- resolved, false_alarm, duplicate, no_action, recovered
    close_note      TEXT
);
CREATE INDEX incidents_open ON incidents (family, state, began_at);
CREATE INDEX incidents_state ON incidents (state, id);

CREATE TABLE events (
    id             TEXT PRIMARY KEY,    -- UUIDv7, the gateway's
    edge           TEXT NOT NULL,       -- who saw it; no other may speak of it
    camera         TEXT NOT NULL,
    kind           TEXT NOT NULL,       -- traffic.congestion, …
    number         INTEGER NOT NULL,    -- of the newest message; an older one changes nothing
    phase          TEXT NOT NULL,       -- began, updated, ended
    severity       TEXT NOT NULL,       -- as the newest message has it
    severity_max   TEXT NOT NULL,       -- gravest of all messages
    placed_at      BIGINT NOT NULL,     -- when it began; its arrival where its clock is suspect
    ended_at       BIGINT,              -- when it ended
    arrived_at     BIGINT NOT NULL,     -- of its first message
    updated_at     BIGINT NOT NULL,     -- of its newest message
    late           BOOLEAN NOT NULL,
    clock_suspect  BOOLEAN NOT NULL,
    data           TEXT NOT NULL        -- EventData of the newest message, JSON
);
CREATE INDEX events_placed ON events (placed_at, id);
CREATE INDEX events_camera ON events (edge, camera, placed_at);

CREATE TABLE event_messages (
    source      TEXT NOT NULL,          -- CloudEvents source and id: each message is taken once
    id          TEXT NOT NULL,
    event       TEXT NOT NULL,
    number      INTEGER NOT NULL,
    arrived_at  BIGINT NOT NULL,
    data        TEXT NOT NULL,          -- EventData, JSON
    PRIMARY KEY (source, id)
);
CREATE INDEX event_messages_event ON event_messages (event, number);

CREATE TABLE incident_events (
    event       TEXT PRIMARY KEY,       -- an event belongs to one incident
    incident    TEXT NOT NULL
);
CREATE INDEX incident_events_incident ON incident_events (incident);

CREATE TABLE incident_cameras (
    incident    TEXT NOT NULL,
    edge        TEXT NOT NULL,          -- a camera that saw it, once, however many events it has
    camera      TEXT NOT NULL,
    PRIMARY KEY (incident, edge, camera)
);
CREATE INDEX incident_cameras_camera ON incident_cameras (camera, edge);

CREATE TABLE incident_log (
    line        INTEGER PRIMARY KEY AUTOINCREMENT,
    incident    TEXT NOT NULL,
    at          BIGINT NOT NULL,        -- when
    who         TEXT NOT NULL,          -- user, or matpho-center
    what        TEXT NOT NULL,          -- opened, joined, escalated, ended, acknowledged, noted, closed, clip_requested, clip_ready
    event       TEXT,                   -- which event it is about
    note        TEXT                    -- what was said
);
CREATE INDEX incident_log_incident ON incident_log (incident, line);

CREATE TABLE measurements (
    line        INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,          -- CloudEvents source and id: each is taken once
    id          TEXT NOT NULL,
    edge        TEXT NOT NULL,
    camera      TEXT NOT NULL,
    zone        TEXT NOT NULL,
    from_at     BIGINT NOT NULL,        -- the period
    to_at       BIGINT NOT NULL,
    figures     TEXT NOT NULL,          -- Figures, JSON
    UNIQUE (source, id)
);
CREATE INDEX measurements_time ON measurements (from_at);
CREATE INDEX measurements_camera ON measurements (camera, zone, from_at);

CREATE TABLE evidence (
    event          TEXT NOT NULL,       -- the event it proves; may arrive before it
    edge           TEXT NOT NULL,       -- who sent it; counts only if the event is of the same gateway
    camera         TEXT NOT NULL,
    seen_at        BIGINT NOT NULL,     -- of two pictures the newer one stays
    width          INTEGER NOT NULL,
    height         INTEGER NOT NULL,
    bytes          BIGINT NOT NULL,
    sha256         TEXT NOT NULL,
    path           TEXT NOT NULL,       -- in the state folder; empty when it had to go to make room
    redacted       BOOLEAN NOT NULL,
    clip_available BOOLEAN NOT NULL,    -- a clip lies at the gateway
    arrived_at     BIGINT NOT NULL,
    PRIMARY KEY (event, edge)
);

CREATE TABLE clips (
    event        TEXT PRIMARY KEY,
    request      TEXT NOT NULL,         -- CloudEvents id of the command
    state        TEXT NOT NULL,         -- requested, ready, failed
    token_sha256 TEXT NOT NULL,         -- of the token that allows the one upload; empty once used
    requested_by TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    error        TEXT,                  -- why it failed
    path         TEXT,                  -- in the state folder
    bytes        BIGINT,
    arrived_at   BIGINT
);

CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,        -- argon2id, PHC string
    role          TEXT NOT NULL,        -- operator, admin
    created_at    BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_sha256 TEXT PRIMARY KEY,      -- the token itself is known to its holder alone
    name         TEXT NOT NULL,         -- whose
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);

CREATE TABLE rejected (
    line        INTEGER PRIMARY KEY AUTOINCREMENT,
    arrived_at  BIGINT NOT NULL,
    topic       TEXT NOT NULL,
    reason      TEXT NOT NULL,          -- what was wrong with it
    payload     TEXT NOT NULL           -- its beginning
);

CREATE TABLE changes (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,  -- what a live stream resumes from
    what        TEXT NOT NULL,          -- incident, camera, edge
    key         TEXT NOT NULL           -- which one; its present state is what a listener gets
);
