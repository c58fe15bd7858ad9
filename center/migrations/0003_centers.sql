-- Centres that share what gateways send: who is alive, and who takes over from whom.
CREATE TABLE centers (
    client_id   TEXT PRIMARY KEY,       -- its name at the broker
    said_at     BIGINT NOT NULL,        -- when it last said that it is alive
    heir        TEXT,                   -- who fetches what the broker holds for it
    heir_at     BIGINT                  -- when that one began
);
