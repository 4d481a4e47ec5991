-- Access control lists. Each is a number, one bit a grant (types/acl.rs); none where it is private. Of a bucket, of a version, and
-- of an upload for the version that comes of it.
ALTER TABLE buckets ADD COLUMN acl INTEGER;
ALTER TABLE versions ADD COLUMN acl INTEGER;
ALTER TABLE uploads ADD COLUMN acl INTEGER;
-- What a bucket says about lists, where it was set: its Object Ownership (1 the bucket's owner is enforced, 2 the bucket's
-- owner is preferred, 3 the object's writer), and its public access block, one bit a flag (types/acl_rules.rs).
ALTER TABLE buckets ADD COLUMN ownership INTEGER;
ALTER TABLE buckets ADD COLUMN public_access_block INTEGER;
