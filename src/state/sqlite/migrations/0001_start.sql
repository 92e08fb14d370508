-- What is to be done, in arrival order.
CREATE TABLE journal (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    object      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    event       TEXT,               -- the event as JSON; null: plan again from the record
    origin      TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_object ON journal (object);

-- What was last applied, and what the target holds.
CREATE TABLE objects (
    object     TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    dn         TEXT NOT NULL,
    desired    TEXT NOT NULL,
    state      TEXT NOT NULL,
    face       TEXT NOT NULL,
    footprint  TEXT NOT NULL,
    revision   TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_revision ON objects (revision);

-- Names by which objects are found. A former distinguished name stays until another object takes it, so that references
-- that still use it lead to the renamed object.
CREATE TABLE handles (
    handle TEXT PRIMARY KEY,
    object TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX handles_object ON handles (object);

-- Who depends on which name.
CREATE TABLE refs (
    handle TEXT NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (handle, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_object ON refs (object);

-- Objects that wait for a correction, with the task that failed.
CREATE TABLE parked (
    object   TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,
    category TEXT NOT NULL,
    event    TEXT,
    row      TEXT NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE parked_refs (
    handle TEXT NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (handle, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX parked_refs_object ON parked_refs (object);

-- What was decided and done.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    object TEXT NOT NULL,
    row    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_object ON audit (object, id);
CREATE INDEX audit_at ON audit (at);

-- Up to where each source was read.
CREATE TABLE cursors (
    source   TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Administrators of contexts, until Kubernetes Secrets hold them.
CREATE TABLE credentials (
    context  INTEGER PRIMARY KEY,
    login    TEXT NOT NULL,
    password TEXT NOT NULL
) STRICT;
