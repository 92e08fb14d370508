-- Fresh events are looked at before objects that are planned again, of which there may be very many.
CREATE INDEX journal_events ON journal (seq) WHERE event IS NOT NULL;
CREATE INDEX journal_replans ON journal (seq) WHERE event IS NULL;
