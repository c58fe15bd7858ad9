-- Lists by their index alone, also for who may see a few cameras of many: what rights and order ask for stands in the index itself.
DROP INDEX events_placed;
CREATE INDEX events_placed ON events (placed_at, id, edge, camera, kind);
DROP INDEX events_camera;
CREATE INDEX events_camera ON events (camera, edge, placed_at, id, kind);
DROP INDEX measurements_camera;
CREATE INDEX measurements_camera ON measurements (camera, from_at);
