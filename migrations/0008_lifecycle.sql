-- What goes by itself, and when.

-- The bucket's rules as JSON, when it has any.
ALTER TABLE buckets ADD COLUMN lifecycle TEXT;
-- How many milliseconds after a write the rules are asked about its key; null: no rule is enabled.
ALTER TABLE buckets ADD COLUMN lifecycle_soonest INTEGER;
-- The commit that set the rules.
ALTER TABLE buckets ADD COLUMN lifecycle_sequence INTEGER;

-- Keys that the rules are to be asked about again, of buckets that have rules alone: at most a row a key.
CREATE TABLE lifecycle_due (
    bucket   INTEGER NOT NULL,
    key      BLOB NOT NULL,
    at       INTEGER NOT NULL, -- not before this time
    sequence INTEGER NOT NULL, -- the commit that changed something of the key last
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX lifecycle_due_by_time ON lifecycle_due (at, bucket, key);

-- Buckets whose rules were changed, and how far their keys have been gone through since.
CREATE TABLE lifecycle_walks (
    bucket INTEGER PRIMARY KEY,
    stage  INTEGER NOT NULL, -- 1 versions, 2 uploads
    prefix INTEGER NOT NULL, -- under which of the prefixes that the rules name, counted from 0
    after  BLOB              -- the last key under it that was gone through
) STRICT;
