-- Names under which an object is about to be created: what is found under one of them was made by us, even if the answer
-- was lost.
CREATE TABLE intentions (
    object TEXT NOT NULL,
    handle TEXT NOT NULL,
    PRIMARY KEY (object, handle)
) STRICT, WITHOUT ROWID;

-- What objects held in the target before they were removed, and the names that they had before they got others, to recognise
-- what comes back with an old backup. Fingerprints only.
CREATE TABLE released (
    handle TEXT PRIMARY KEY,
    object TEXT NOT NULL,
    kind   TEXT NOT NULL,
    names  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX released_at ON released (at);
