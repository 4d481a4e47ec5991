-- Rules for requests from pages of other origins, as JSON, when the bucket has any.
ALTER TABLE buckets ADD COLUMN cors TEXT;
