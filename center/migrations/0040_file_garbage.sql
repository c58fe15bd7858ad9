-- Files that nothing refers to any more and that are still to be removed: noted with what gave them up, so that none is forgotten while the
-- place where they lie does not answer.
CREATE TABLE file_garbage (
    path        TEXT PRIMARY KEY        -- as in evidence and clips
);
CREATE INDEX evidence_path ON evidence (path);
CREATE INDEX clips_path ON clips (path);
