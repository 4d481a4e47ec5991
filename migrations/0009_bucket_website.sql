-- What the bucket is as a website, as JSON, when it is one.
ALTER TABLE buckets ADD COLUMN website TEXT;
