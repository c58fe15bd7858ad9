-- Since when a camera is known: before that nobody watched, and a figure is not 0 but unknown.
ALTER TABLE cameras ADD COLUMN first_at BIGINT;
UPDATE cameras SET first_at = arrived_at;

-- Measurements of traffic added up by the hour of the province, so that a year's figures do not read each minute of it.
CREATE TABLE traffic_hours (
    edge        TEXT NOT NULL,
    camera      TEXT NOT NULL,
    zone        TEXT NOT NULL,
    hour_at     BIGINT NOT NULL,        -- when the hour began
    seconds     DOUBLE PRECISION NOT NULL,  -- how much of it was measured
    vehicles    BIGINT NOT NULL,        -- that passed
    index_seconds DOUBLE PRECISION NOT NULL, -- how much of it a travel-time index was known
    index_sum   DOUBLE PRECISION NOT NULL,  -- that index times those seconds
    PRIMARY KEY (edge, camera, zone, hour_at)
);
CREATE INDEX traffic_hours_hour ON traffic_hours (hour_at);

CREATE TABLE added_up (
    what        TEXT PRIMARY KEY,       -- traffic
    line        BIGINT NOT NULL         -- the last measurement that is in it
);
