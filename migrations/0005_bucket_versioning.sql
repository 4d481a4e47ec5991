-- Whether a bucket keeps what is overwritten or deleted: 0 it never did, 1 it does, 2 it did until it was suspended.
ALTER TABLE buckets ADD COLUMN versioning INTEGER NOT NULL DEFAULT 0;
