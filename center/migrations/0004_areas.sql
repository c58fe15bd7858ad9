-- Areas as their province lists them, and what became of those that ended. Days are those of the province.
CREATE TABLE areas (
    id          TEXT NOT NULL,          -- SCHEME:CODE
    valid_from  TEXT NOT NULL,          -- the first day, YYYY-MM-DD
    valid_to    TEXT,                   -- the first day on which it no longer is so
    kind        TEXT NOT NULL,          -- province, commune, ward, precinct: a word of the province's own
    name        TEXT NOT NULL,
    parent      TEXT,                   -- id of the area that it is part of
    border      TEXT,                   -- coordinates of a GeoJSON MultiPolygon
    PRIMARY KEY (id, valid_from)
);

CREATE TABLE area_successors (
    predecessor TEXT NOT NULL,          -- id of an area that ended
    successor   TEXT NOT NULL,          -- id of one that took it over
    share       DOUBLE PRECISION NOT NULL,  -- how much of it, above 0 to 1
    PRIMARY KEY (predecessor, successor)
);

CREATE TABLE grants (
    id             TEXT PRIMARY KEY,
    principal      TEXT NOT NULL,       -- user or agency
    principal_name TEXT NOT NULL,
    effect         TEXT NOT NULL,       -- allow, deny
    role           TEXT NOT NULL,       -- as what it was given, for people
    capabilities   TEXT NOT NULL,       -- words with blanks between them
    area           TEXT,                -- id of the area, all below included; absent: everywhere
    kinds          TEXT NOT NULL,       -- all, or kinds of events with commas between them
    from_at        BIGINT NOT NULL,
    until_at       BIGINT,              -- absent: no end
    purpose        TEXT NOT NULL,
    granted_by     TEXT NOT NULL,
    passed_on_from TEXT,                -- id of the grant that it came of
    revoked_at     BIGINT
);
CREATE INDEX grants_principal ON grants (principal_name);
