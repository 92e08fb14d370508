-- Set if an administrator released the task from the list of what is held back: the approval as JSON.
ALTER TABLE journal ADD COLUMN approval TEXT;

-- What was lost, by task; written before the first call of the task.
CREATE TABLE losses (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    losses TEXT NOT NULL
) STRICT;
CREATE INDEX losses_at ON losses (at);

-- Tasks that the deletion guard holds back, one per object.
CREATE TABLE held (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    object      TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    event       TEXT,               -- as in the journal
    fingerprint TEXT NOT NULL,      -- of what is asked for
    row         TEXT NOT NULL,
    since       INTEGER NOT NULL
) STRICT;

-- Objects that are gone from the directory and kept in the target for a time.
CREATE TABLE kept (
    object TEXT PRIMARY KEY,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_since ON kept (since);
