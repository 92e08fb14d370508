-- Names under which an object is about to be created: what is found under one of them was made by us, even if the answer
-- was lost.
CREATE TABLE intentions (
    object TEXT NOT NULL,
    handle TEXT NOT NULL,
    PRIMARY KEY (object, handle)
) STRICT, WITHOUT ROWID;

-- What objects that are gone held in the target, to recognise what comes back with an old backup. Fingerprints only.
CREATE TABLE released (
    handle TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    kind   TEXT NOT NULL,
    names  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX released_at ON released (at);
