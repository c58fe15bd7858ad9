-- What goes out by itself: how far each feed has read, what it has still to send, what alerts were published.
CREATE TABLE feed_points (
    feed        TEXT PRIMARY KEY,       -- the destination's name: webhook:NAME, ngsi, cap
    sequence    BIGINT NOT NULL,        -- of the last change that was taken up
    line        BIGINT NOT NULL,        -- of the last measurement that was
    off         TEXT                    -- why it is switched off; NULL: it is on
);

CREATE TABLE feed_lease (
    name        TEXT PRIMARY KEY,       -- there is one: which of several centres sends
    holder      TEXT NOT NULL,
    until_at    BIGINT NOT NULL
);

CREATE TABLE feed_outbox (
    line        INTEGER PRIMARY KEY AUTOINCREMENT,
    feed        TEXT NOT NULL,
    id          TEXT NOT NULL,          -- as the receiver knows it, the same at each attempt
    key         TEXT NOT NULL,          -- what it is about; of one thing the older goes first
    body        TEXT NOT NULL,          -- JSON
    made_at     BIGINT NOT NULL,
    failed      INTEGER NOT NULL,       -- attempts that failed
    due_at      BIGINT,                 -- not before; NULL: given up
    given_up_at BIGINT,
    why         TEXT                    -- what the last attempt came to
);
CREATE INDEX feed_outbox_due ON feed_outbox (feed, due_at);
CREATE INDEX feed_outbox_key ON feed_outbox (feed, key, line);

CREATE TABLE cap_alerts (
    incident    TEXT NOT NULL,
    number      INTEGER NOT NULL,       -- counted from 1 for each incident
    identifier  TEXT NOT NULL,
    sender      TEXT NOT NULL,
    sent_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    published_by TEXT NOT NULL,         -- who said that it is to be published
    standing    BOOLEAN NOT NULL,       -- it is the last word about something that goes on
    said        TEXT NOT NULL,          -- what it says, to know whether there is more to say
    title       TEXT NOT NULL,
    summary     TEXT NOT NULL,
    xml         TEXT NOT NULL,
    filed       BOOLEAN NOT NULL,       -- it lies in the configured folder
    PRIMARY KEY (incident, number)
);
CREATE INDEX cap_alerts_sent ON cap_alerts (sent_at);
