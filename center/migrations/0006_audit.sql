-- What people did, and who tried in vain: added to, never changed. Each line carries the hash of the one before.
CREATE TABLE audit (
    line        BIGINT PRIMARY KEY,     -- from 1 on, without a gap
    at          BIGINT NOT NULL,
    who         TEXT NOT NULL,          -- user; matpho-center where the command line or the centre itself acted
    address     TEXT NOT NULL,          -- from where; empty where it is not known
    what        TEXT NOT NULL,          -- login, grant_added, …
    object      TEXT NOT NULL,          -- on what
    outcome     TEXT NOT NULL,          -- done, refused
    detail      TEXT NOT NULL,          -- JSON
    previous    TEXT NOT NULL,          -- hash of the line before; empty for the first
    hash        TEXT NOT NULL           -- SHA-256 of all of the above, as center/src/store/audit.rs writes it
);
CREATE INDEX audit_at ON audit (at);

-- SQLITE
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;
-- POSTGRES
-- CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
-- BEGIN
--     RAISE EXCEPTION 'the audit trail is not changed';
-- END $$;
-- CREATE TRIGGER audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();
-- BOTH
