-- From which severity on the rules propose to send an agency; absent: people alone think of it.
ALTER TABLE agencies ADD COLUMN propose_from TEXT;  -- minor, moderate, severe, extreme
