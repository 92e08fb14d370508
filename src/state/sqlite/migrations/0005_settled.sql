-- Objects whose last task left nothing to do and nothing to say, with a fingerprint of what it wanted: an event that wants the
-- same again is not even journalled. Apart from the objects, so that a look at it touches few pages.
CREATE TABLE settled (
    object      TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whoever else changes what is known of an object need not know of this table.
CREATE TRIGGER objects_changed AFTER UPDATE OF state ON objects WHEN OLD.state <> NEW.state BEGIN
    DELETE FROM settled WHERE object = OLD.object;
END;
CREATE TRIGGER objects_removed AFTER DELETE ON objects BEGIN
    DELETE FROM settled WHERE object = OLD.object;
END;

-- Parked objects whose time has come are looked for every second.
CREATE INDEX parked_last_at ON parked (last_at);
