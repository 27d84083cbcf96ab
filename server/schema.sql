-- The database of ferry-server. Run as a whole on an empty database; PRAGMA user_version is its
-- number; schema_2.sql goes on from here. Times are seconds since 1970, UTC. Every id that a device
-- sees is an INTEGER PRIMARY KEY AUTOINCREMENT, so that a number is never used again.

PRAGMA user_version = 1;

-- Tokens that are not bound to one target. The token itself is nowhere: only its SHA-256.
CREATE TABLE tokens (
    kind    TEXT NOT NULL CHECK (kind IN ('publish', 'enrol')),
    hash    BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created INTEGER NOT NULL
) STRICT;

-- One signed image: the content is the file artifacts/<sha256>, the rest is read from the image.
-- sha1 and md5 are there because DDI clients ask for them.
CREATE TABLE artifacts (
    sha256  TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    sha1    TEXT NOT NULL,
    md5     TEXT NOT NULL,
    board   TEXT NOT NULL,
    slot    TEXT NOT NULL CHECK (slot IN ('a', 'b')),
    version TEXT NOT NULL,
    counter INTEGER NOT NULL,       -- security counter of the image
    size    INTEGER NOT NULL,       -- bytes
    created INTEGER NOT NULL
) STRICT;

-- A published version. The order of ids is the order of publishing: the newest release that has an
-- image for a board is what the board's targets should run.
CREATE TABLE releases (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX releases_by_version ON releases (version);

-- The images of a release: at most one for each board and slot. Never changed once published.
CREATE TABLE release_artifacts (
    release INTEGER NOT NULL REFERENCES releases (id),
    sha256  TEXT NOT NULL REFERENCES artifacts (sha256),
    board   TEXT NOT NULL,          -- copies of the artifact's, for the key and the index
    slot    TEXT NOT NULL,
    PRIMARY KEY (release, board, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX release_artifacts_by_board ON release_artifacts (board, release);

-- A node that is updated, by the controllerId of DDI.
CREATE TABLE targets (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    controller    TEXT NOT NULL UNIQUE,
    token_hash    BLOB CHECK (token_hash IS NULL OR length(token_hash) = 32),
                                    -- its own TargetToken; NULL: only the enrolment token
    board         TEXT NOT NULL DEFAULT '',     -- '': not told yet, nothing is offered
    version       TEXT NOT NULL DEFAULT '',     -- that runs, as the target told it
    slot          TEXT NOT NULL DEFAULT '',     -- that runs
    uid           TEXT NOT NULL DEFAULT '',     -- unique id of the chip
    config_wanted INTEGER NOT NULL DEFAULT 1,   -- 1: the next poll asks for configData
    created       INTEGER NOT NULL,
    seen          INTEGER NOT NULL DEFAULT 0    -- last heard of; 0: never
) STRICT;

-- configData as the target sent it. The keys board, version, slot and uid are also in targets.
CREATE TABLE attributes (
    target INTEGER NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;

-- One offer of one release to one target.
--   pending -> retrieved -> running -> success | failure | canceled
--   pending, retrieved -> superseded (a newer release, or the target runs the version already)
CREATE TABLE actions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    target   INTEGER NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    release  INTEGER NOT NULL REFERENCES releases (id),
    state    TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
             ('pending', 'retrieved', 'running', 'success', 'failure', 'canceled', 'superseded')),
    done     INTEGER NOT NULL DEFAULT 0,    -- progress: done of total, in the target's unit
    total    INTEGER NOT NULL DEFAULT 0,
    message  TEXT NOT NULL DEFAULT '',      -- last detail of the feedback
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL
) STRICT;
CREATE INDEX actions_by_target ON actions (target, id);
-- A target works on one thing at a time.
CREATE UNIQUE INDEX actions_one_open ON actions (target)
    WHERE state IN ('pending', 'retrieved', 'running');
