-- Who logs in through a provider of OpenID Connect has no password here; when an account is locked, and for whom.
ALTER TABLE users ADD COLUMN issuer TEXT;   -- the provider; absent: there is a password
ALTER TABLE users ADD COLUMN subject TEXT;  -- who it is there; absent: whoever comes first by the account's name
CREATE UNIQUE INDEX users_subject ON users (issuer, subject);

-- Logins through a provider that were finished, so that none counts twice.
CREATE TABLE spent_logins (
    state_sha256 TEXT PRIMARY KEY,
    until_at     BIGINT NOT NULL        -- after this it would be too old anyway
);

-- Wrong passwords: by account and by where they come from.
CREATE TABLE login_failures (
    name            TEXT NOT NULL,      -- of the account; empty for names that no account has
    source          TEXT NOT NULL,      -- device HASH, address ADDRESS, strangers
    failures        INTEGER NOT NULL,   -- since the last lock
    locks           INTEGER NOT NULL,   -- in a row
    failed_at       BIGINT NOT NULL,    -- the last of them
    locked_until    BIGINT,             -- absent: not locked, or for good
    locked_for_good BOOLEAN NOT NULL,   -- until an administrator unlocks it
    PRIMARY KEY (name, source)
);

-- Browsers that logged in as somebody: known by the hash of what they bring.
CREATE TABLE login_devices (
    token_sha256 TEXT NOT NULL,
    name         TEXT NOT NULL,
    seen_at      BIGINT NOT NULL,       -- when it last logged in
    PRIMARY KEY (token_sha256, name)
);
CREATE INDEX login_devices_name ON login_devices (name);
