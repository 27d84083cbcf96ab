-- What number 2 of the database has more than 1 (schema.sql). Run after that, and on databases of
-- number 1.

PRAGMA user_version = 2;

-- The last starts of a target, from its boot log, in the order in which they were told (id), the oldest
-- first. Two rows may say the same: numbers begin again where a node's journal was lost. Gateways tell
-- a start more than once: what overlaps the newest rows is not added (store_boots.c).
CREATE TABLE boots (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    target   INTEGER NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,      -- of this start, as the node counts
    reset    TEXT NOT NULL,         -- words: what reset the node, what its bootloader did
    action   TEXT NOT NULL,
    slot     TEXT NOT NULL CHECK (slot IN ('', 'a', 'b')),  -- that was started; '': none
    version  TEXT NOT NULL,         -- of it; '': none
    attempts INTEGER NOT NULL,      -- starts that its trial had left
    error    TEXT NOT NULL,         -- a status by name
    reported INTEGER NOT NULL
) STRICT;
CREATE INDEX boots_by_target ON boots (target, id);
