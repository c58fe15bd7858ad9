-- What lies where: for each area that is valid today and holds it, a row, and one with an empty area, which is everywhere. Rights are asked for
-- by these rows alone, so that a query about a ward and one about a province cost the same.
CREATE TABLE camera_areas (
    edge        TEXT NOT NULL,
    camera      TEXT NOT NULL,
    area        TEXT NOT NULL,          -- SCHEME:CODE, or empty
    PRIMARY KEY (edge, camera, area)
);
CREATE INDEX camera_areas_area ON camera_areas (area, edge, camera);

CREATE TABLE incident_areas (
    incident    TEXT NOT NULL,
    area        TEXT NOT NULL,          -- in which a camera stands that saw it
    kind        TEXT NOT NULL,          -- of an event that it saw there
    is_open     BOOLEAN NOT NULL,       -- whether the incident is not closed
    PRIMARY KEY (incident, area, kind)
);
CREATE INDEX incident_areas_list ON incident_areas (area, is_open, incident, kind);

INSERT INTO camera_areas (edge, camera, area) SELECT edge, camera, '' FROM cameras;
INSERT INTO incident_areas (incident, area, kind, is_open)
    SELECT DISTINCT i.id, '', e.kind, i.state <> 'closed'
    FROM incidents i JOIN incident_events ie ON ie.incident = i.id JOIN events e ON e.id = ie.event;

-- Of what is kept in memory the newest edition, so that every centre sees at once that its own is out of date.
CREATE TABLE editions (
    name        TEXT PRIMARY KEY,       -- areas, rights; places: the edition of the areas and the day that the two tables above were made by
    edition     TEXT NOT NULL
);

-- Who answers for which kinds of events, where; and who belongs to it.
CREATE TABLE agencies (
    id          TEXT PRIMARY KEY,       -- a word
    name        TEXT NOT NULL,
    kinds       TEXT NOT NULL,          -- all, or kinds of events with commas between them
    areas       TEXT NOT NULL,          -- ids with blanks between them
    telephone   TEXT
);

CREATE TABLE agency_members (
    agency      TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    PRIMARY KEY (agency, user_name)
);
