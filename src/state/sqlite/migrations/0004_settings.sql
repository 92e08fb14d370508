-- Settings by which objects are planned, so that a change of them can wait for an approval, also across restarts.
CREATE TABLE settings (
    role        TEXT PRIMARY KEY,   -- 'in force' or 'waiting'
    revision    TEXT NOT NULL,
    value       TEXT NOT NULL,      -- in force: the settings, without secrets; waiting: what they would change
    at          INTEGER NOT NULL,
    approved_at INTEGER
) STRICT, WITHOUT ROWID;
